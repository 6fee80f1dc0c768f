"""Secrets that stand out, and how to see them in whatever they have been written as."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator


class Canary:
    """A secret of letters and digits that stand out, among characters that are quoted differently everywhere.

    Whatever quotes it, JSON, URLs, ``repr``, SQL or a shell, leaves the letters and digits as they are. So a text that
    holds them, or their base64 or hexadecimal form, shows at least a part of the secret.

    :param name: of letters and digits.
    :param among: a text with ``{}`` for the part that stands out.
    """

    def __init__(self, name: str, among: str = "{}\"'\\%41@:/?#&+= $x ü€ {}") -> None:
        self.core = f"Zq7{name}Xw4"
        self.secret = among.format(self.core, self.core)

    def traces(self) -> Iterator[str]:
        """Yield what a text that shows the secret has in it."""
        yield self.core
        data = self.core.encode()
        yield data.hex()
        for before in range(3):
            # Where the part begins decides about its form; the characters at both ends depend on what is beside it.
            encoded = b64encode(b"\0" * before + data).decode()
            yield encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]


FOR_HTTP = "{}\"'\\%41@:/?#&+={}"
MYSQL, POSTGRES, DSN, LINES = Canary("mysql"), Canary("postgres"), Canary("dsn"), Canary("lines", "{}'\n\"{}")
WRONG = Canary("wrong")
SUPABASE, SHOPIFY, TOKEN = Canary("supabase", FOR_HTTP), Canary("shopify", FOR_HTTP), Canary("token", FOR_HTTP)
BASIC, DUCKDB, TYPED = Canary("basic"), Canary("duckdb", "{}%41'{}"), Canary("typed")
HOOK, HOOK_EXTRA, HOOK_URL = Canary("hookpassword", FOR_HTTP), Canary("hookextra"), Canary("hookurl", "{}")
HOOK_LOGIN, STORED = Canary("hooklogin", FOR_HTTP), Canary("stored", FOR_HTTP)
OF_HOOKS = (HOOK, HOOK_EXTRA, HOOK_URL, HOOK_LOGIN, STORED)
"""Of connections that their hooks check. They come from files and Airflow's database: no process has them around it."""
CANARIES = (MYSQL, POSTGRES, DSN, LINES, WRONG, SUPABASE, SHOPIFY, TOKEN, BASIC, DUCKDB, TYPED, *OF_HOOKS)
TRACES = {trace: canary.core for canary in CANARIES for trace in canary.traces()}


def traces_in(location: str, text: str) -> list[str]:
    """Return where in a text secrets show, each with what stands around it.

    :param place: where the text was found.
    :param text: all of it.
    """
    sightings = []
    for trace, core in TRACES.items():
        at = text.find(trace)
        if at >= 0:
            sightings.append(f"{location}: {core} as {trace!r} in {text[max(at - 60, 0) : at + 60]!r}")
    return sightings
