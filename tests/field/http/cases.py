"""What the tables of situations share: a case, how to write one, and how it is checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.field.http.reads import read
from tests.servers.apis.http import Reply

A, B, C = {"id": 1}, {"id": 2}, {"id": 3}
NOTHING = Reply(204)


def link(body: Any, header: str) -> Reply:
    return Reply.of_json(body, headers={"Link": header})


def headed(body: Any, **headers: str) -> Reply:
    return Reply.of_json(body, headers={name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Case:
    """Answers, the config that reads them, the ids that have to come, and what has to be asked."""

    name: str
    replies: list[Any]
    config: dict[str, Any]
    ids: list[int]
    asked: list[dict[str, str]] | None = None
    posted: list[Any] | None = None
    records: str = "items"
    more: dict[str, Any] = field(default_factory=dict)


def page(**fields: Any) -> dict[str, Any]:
    return {"kind": "page", "size_param": None, **fields}


def offset(**fields: Any) -> dict[str, Any]:
    return {"kind": "offset", "page_size": 2, **fields}


def cursor(**fields: Any) -> dict[str, Any]:
    return {"kind": "cursor", "cursor_path": "next", **fields}


def items(*rows: Any, **fields: Any) -> dict[str, Any]:
    return {"items": list(rows), **fields}


POST = {"method": "POST", "body": {"filter": {"x": 1}}}


def check(case: Case) -> None:
    """Read the answers of a case; the right records have to come, and nothing else may be asked for."""
    table, requests = read(*case.replies, records=case.records, pagination=case.config, **case.more)
    assert (table["id"].to_pylist() if table.num_rows else []) == case.ids
    if case.asked is not None:
        assert [request.query for request in requests] == case.asked
    if case.posted is not None:
        assert [request.json() for request in requests] == case.posted
