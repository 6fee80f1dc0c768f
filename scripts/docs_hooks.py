"""docs/hook-types.md: the connection types that doctor checks by the hooks of their providers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from osiris_provider.hook_doctor import HookType, hook_types

HEAD = """# Connection types that are checked by hooks

<!-- all of it: written by scripts/docs from osiris_provider/hook_doctor/types -->

Doctor checks any connection type of an installed provider: in a process of its own, with one login a check, by the
hook's own test or by a probe of ours. For the types in this table it knows what the codes of the library mean. For
others it has what the operating system, DNS and TLS say.

*ok proves the login*: whether a healthy verdict shows that the credentials were accepted; otherwise it has
`proven: false`. *Probe* means that it depends on what the connection has: without a password there is none to prove.

*Tested on* is what `scripts/test-hooks` tries the right and the wrong credentials of a type on: the **real server**, an
**imitation** that speaks its protocol (moto for AWS, Azurite for Azure, ours for the others), or nothing: the codes of
a type that is **by documentation only** are from its documentation and from the source of its library. An imitation
shows that the client's exceptions are understood; what the real server answers is from its documentation then, too.

Each type is tried in five situations: closed port, unknown host, silent peer, wrong credentials, healthy. Each time the
answer is there by the deadline and half a second, no process of the check is left, the server has counted one wrong
login where there was one, and no password is in what is said, written or shown of processes. Where that cannot be, the
row says why. Connections of types `mysql`, `postgres` and `http` go to the families of these servers, see
[doctor.md](doctor.md), and are tried through them too; `postgres` through its family only, since its library has no
code for a refused login.

| type | connection types | checked by | ok proves the login | tested on |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    declared = sorted(
        {one.conn_types: one for one in hook_types().values()}.values(), key=lambda one: one.title.lower()
    )
    counts = Counter(one.evidence for one in declared)
    words = ", ".join(f"{counts[kind]} {words}" for kind, words in KINDS.items())
    return HEAD + "".join(f"| {' | '.join(_row(one))} |\n" for one in declared) + f"\nIn all {words}.\n"


KINDS = {
    "real server": "on a real server",
    "imitation": "on an imitation",
    "by documentation only": "by documentation only",
}


def _row(one: HookType) -> Iterator[str]:
    yield one.title
    yield ", ".join(f"`{name}`" for name in one.conn_types)
    if not (one.probe or one.is_safe):
        yield from ("nothing: its test changes something", "no")
        yield _evidence(one)
        return
    yield "a probe" if one.probe else "the hook's test"
    yield "probe" if one.probe and one.proves_login else "yes" if one.proves_login else "no"
    yield _evidence(one)


def _evidence(one: HookType) -> str:
    return f"{one.evidence}; {one.apart}" if one.apart else one.evidence
