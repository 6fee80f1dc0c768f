"""What of a connection comes to its end: in reports, and in words.

``details["expires"]`` of a healthy report is a list, soonest first, of ``{"what": "TLS certificate of db:3306", "at":
"2027-01-31T00:00:00+00:00", "days_left": 64}``. Days are whole ones that are left; negative ones have passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from osiris_provider.connectors.expiry.tokens import token_expiries
from osiris_provider.connectors.model import ConnectionModel
from osiris_provider.net.expiry import Expiry, Noted

WARN_DAYS = 14
"""Days before its end that something is warned of, if no one says otherwise."""


def with_expiries(
    details: Mapping[str, Any], noted: Noted, model: ConnectionModel, shown: Callable[[object], str]
) -> dict[str, Any]:
    """Return the details of a healthy server with ``expires``, if anything comes to its end.

    :param details: of the probe.
    :param noted: what it has seen.
    :param model: the connection; tokens are found in it.
    :param shown: masks a public value that holds a secret.
    """
    now = datetime.now(timezone.utc)
    known = {*noted.expiries(), *token_expiries(model, shown)}
    own = [_entry(one, shown, now) for one in known]
    # A connector may know of more, such as one that asks a driver for it.
    names = {(one["what"], one["at"]) for one in own}
    theirs = [one for one in _listed(details) if (one["what"], one["at"]) not in names]
    entries = sorted([*own, *theirs], key=lambda one: (one["at"], one["what"]))
    return {**details, "expires": entries} if entries else dict(details)


def expiring(details: Mapping[str, Any], days: float) -> list[dict[str, Any]]:
    """Return the entries of ``expires`` that have at most so many days left, soonest first.

    :param details: of a report; nothing comes of one on an unhealthy connection.
    :param days: that may be left.
    """
    return [one for one in _listed(details) if one["days_left"] <= days]


def expiry_sentence(entry: Mapping[str, Any]) -> str:
    """Return an entry of ``expires`` in words, such as ``TLS certificate of db:3306 expires in 9 days``.

    :param entry: of :func:`expiring`.
    """
    days = entry["days_left"]
    if days < 0:
        return f"{entry['what']} has expired on {str(entry['at'])[:10]}"
    when = "in less than a day" if days == 0 else "in 1 day" if days == 1 else f"in {days} days"
    return f"{entry['what']} expires {when}"


def _entry(expiry: Expiry, shown: Callable[[object], str], now: datetime) -> dict[str, Any]:
    what = f"{expiry.what} of {shown(expiry.address)}" if expiry.address else expiry.what
    return {"what": what, "at": expiry.at.isoformat(timespec="seconds"), "days_left": (expiry.at - now).days}


def _listed(details: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = details.get("expires")
    return [dict(one) for one in given if _is_entry(one)] if isinstance(given, list) else []


def _is_entry(value: object) -> bool:
    if not isinstance(value, Mapping) or not {"what", "at", "days_left"} <= value.keys():
        return False
    return isinstance(value["what"], str) and isinstance(value["at"], str) and type(value["days_left"]) is int
