"""From a reference, or an id of Airflow, to the entry of the file (CONN-003)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

from osiris_provider.connections.file import ConnectionsFile, Entry
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.connections.registry import family_names, load_family
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError
from osiris_provider.messages import did_you_mean


def find_entry(known: ConnectionsFile, ref: ConnectionRef) -> Entry:
    """Return the entry of a reference, or of the family's default (CONN-003).

    :param known: a file that was read.
    :param ref: the reference.
    :raises ConnectionNotFoundError: names the nearest reference of the file.
    :raises ConnectionConfigError: there is no such family, or the alias cannot be one.
    """
    alias = ref.alias or default_alias(known, ref.family)
    entry = known.entries.get((ref.family, alias)) if alias else None
    if entry:
        return entry
    near = near_reference(str(ref), known.references())
    _require_family(ref, near)
    aliases = known.aliases(ref.family)
    if ref.alias is None and aliases:
        listed = ", ".join(f"@{ref.family}.{name}" for name in aliases)
        message = f"{ref} has no default in {known.path}. Mark one with default: true, or name one of {listed}."
        raise ConnectionNotFoundError(message, reference=str(ref), file=str(known.path))
    listed = f" Family {ref.family} has {', '.join(aliases)}." if aliases else f" It has no family {ref.family}."
    message = f"{ref} is not in {known.path}.{near}{listed}"
    raise ConnectionNotFoundError(message, reference=str(ref), file=str(known.path))


def near_reference(wrong: str, known: Sequence[str]) -> str:
    """Return ``" Did you mean '@mysql.main'?"`` for a reference that is near in family and alias, else nothing.

    :param wrong: what was written.
    :param known: the references that there are.
    """
    import difflib

    plain = wrong.lower().removeprefix("@")
    family, _, alias = (plain if "." in plain else re.sub(r"[-/: ]", ".", plain)).partition(".")
    families = {one.split(".")[0].removeprefix("@") for one in known}
    meant = next(iter(difflib.get_close_matches(family, families)), None)
    aliases = [one.removeprefix(f"@{meant}.") for one in known if one.startswith(f"@{meant}.")]
    near = next(iter(difflib.get_close_matches(alias, aliases)), None)
    return f" Did you mean '@{meant}.{near}'?" if near else ""


def _require_family(ref: ConnectionRef, near: str) -> None:
    families = family_names()
    if ref.family not in families:
        hint = near or did_you_mean(ref.family, families)
        message = f"{ref}: unknown family '{ref.family}'.{hint} Known are {', '.join(families)}."
        raise ConnectionConfigError(message, reference=str(ref))


def default_alias(known: ConnectionsFile, family: str) -> str | None:
    """Return the alias that ``@family`` stands for: the one marked, else the one named ``default``, else None."""
    marked = [alias for (name, alias), entry in known.entries.items() if name == family and entry.is_default]
    if marked:
        return marked[0]
    return "default" if (family, "default") in known.entries else None


def find_by_id(known: ConnectionsFile, connection_id: str) -> Entry | None:
    """Return the entry whose connection Airflow knows under an id.

    :param known: a file that was read.
    :param connection_id: such as ``osiris_mysql_default``, or the own id of an entry of family ``airflow``.
    """
    for entry in known.entries.values():
        if connection_id.endswith(entry.alias):
            with contextlib.suppress(ConnectionConfigError):
                if load_family(entry.family).airflow_id(entry.alias) == connection_id:
                    return entry
    return None
