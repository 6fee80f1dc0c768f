"""Supabase as its clients see it: a gateway that wants a key, and PostgREST behind it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from tests.servers.apis.http import HttpServer, Reply, Request

Rows = list[dict[str, Any]]
Condition = Callable[[dict[str, Any]], bool]
# A call with one pair of parentheses inside, or a term without any.
_PART = re.compile(r'(?:and|or)\((?:"(?:[^"\\]|\\.)*"|[^"()])*\)|(?:"(?:[^"\\]|\\.)*"|[^",()])+')
_NO_KEY = {"message": "No API key found in request", "hint": "No `apikey` request header or url param was found."}
_WRONG_KEY = {"message": "Invalid API key", "hint": "Double check your Supabase `anon` or `service_role` API key."}
_ROOT_IS_SECRET = {"message": "Access to schema is forbidden", "hint": "Only a secret API key may see it."}
_OPERATORS = {"eq": "__eq__", "gte": "__ge__", "gt": "__gt__", "lt": "__lt__", "lte": "__le__", "neq": "__ne__"}


class FakeSupabase(HttpServer):
    """A project with one exposed schema, ``public``.

    :param service_role_key: may see all.
    :param anon_key: may see the tables in ``anon_tables``.
    :param tables: rows by table.
    :param max_rows: that one answer has at most (PostgREST's ``db-max-rows``).
    """

    def __init__(
        self,
        service_role_key: str,
        anon_key: str,
        tables: dict[str, Rows] | None = None,
        max_rows: int = 1000,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self.keys = {service_role_key: "service_role", anon_key: "anon"}
        self.tables = tables or {}
        self.anon_tables: set[str] = set()
        self.columns: dict[str, dict[str, dict[str, Any]]] = {}
        """What the root says of the columns of a table, such as ``{"format": "numeric"}``."""
        self.keeps: Callable[[dict[str, Any]], bool] = lambda _: True
        """Whether the trigger of a table lets a row be written."""
        self.max_rows = max_rows
        self.failure: Reply | None = None
        """What every request is answered with, if set: a paused project, a database that is down."""
        self.checks_keys = True
        """False makes it a server that answers anybody."""

    def answer(self, request: Request) -> Reply:
        if self.failure is not None:
            return self.failure
        if request.path == "/auth/v1/health":
            return Reply.of_json({"name": "GoTrue"})
        role = self._role(request)
        if role is None:
            return Reply.of_json(_WRONG_KEY if "apikey" in request.headers else _NO_KEY, 401)
        if not request.path.startswith("/rest/v1/"):
            return Reply.of_json({"message": "no Route matched with those values"}, 404)
        profile = request.headers.get("accept-profile", "public")
        if profile != "public":
            return _error(406, "PGRST106", "The schema must be one of the following: public")
        name = request.path.removeprefix("/rest/v1/")
        return self._table(name, role, request) if name else self._root(role)

    @property
    def posts(self) -> list[Request]:
        """The requests that write."""
        return [request for request in self.requests if request.method == "POST"]

    def _role(self, request: Request) -> str | None:
        if not self.checks_keys:
            return "service_role"
        key = request.headers.get("apikey", "").encode("latin-1").decode()
        bearer = request.headers.get("authorization", "").encode("latin-1").decode()
        return self.keys.get(key) if bearer == f"Bearer {key}" else None

    def _root(self, role: str) -> Reply:
        if role != "service_role":
            return Reply.of_json(_ROOT_IS_SECRET, 403)
        document: dict[str, Any] = {"swagger": "2.0", "paths": dict.fromkeys(f"/{name}" for name in self.tables)}
        document["definitions"] = {
            name: {"required": ["id"], "properties": about} for name, about in self.columns.items()
        }
        return Reply.of_json(document, headers={"Content-Type": "application/openapi+json; charset=utf-8"})

    def _table(self, name: str, role: str, request: Request) -> Reply:
        if name not in self.tables:
            return _error(404, "PGRST205", f"Could not find the table 'public.{name}' in the schema cache")
        if role == "anon" and name not in self.anon_tables:
            return _error(401, "42501", f"permission denied for table {name}")
        rows = self.tables[name]
        if request.method == "POST":
            if request.headers.get("content-type") != "application/json":
                return _error(415, "PGRST102", "Content-Type not acceptable")
            return self._write(rows, request)
        columns = [column for column in request.query.get("select", "*").split(",") if column != "*"]
        wrong = [column for column in columns if rows and column not in rows[0]]
        if wrong:
            return _error(400, "42703", f"column {name}.{wrong[0]} does not exist")
        selected = _ordered(_filtered(rows, request.every), request.query.get("order"))
        return self._range(selected, columns, request)

    def _write(self, rows: Rows, request: Request) -> Reply:
        """Add rows, all or none; with ``merge-duplicates`` those with a known key are changed instead."""
        known = {column for row in rows for column in row}
        given: Rows = request.json()
        unknown = sorted({column for row in given for column in row} - known)
        if known and unknown:
            return _error(400, "PGRST204", f"Could not find the '{unknown[0]}' column")
        key = [column for column in request.query.get("on_conflict", "id").split(",") if column]
        places = {tuple(row.get(column) for column in key): number for number, row in enumerate(rows)}
        merges = "resolution=merge-duplicates" in request.headers.get("prefer", "")
        for row in given:
            key_values = tuple(row.get(column) for column in key)
            if key_values in places and not merges:
                return _error(409, "23505", "duplicate key value violates unique constraint")
        written = list(filter(self.keeps, given))
        for row in written:
            key_values = tuple(row.get(column) for column in key)
            if key_values in places:
                rows[places[key_values]] |= row
            else:
                rows.append(row)
        counted = "count=exact" in request.headers.get("prefer", "")
        return Reply(201, headers={"Content-Range": f"*/{len(written) if counted else '*'}"})

    def _range(self, selected: Rows, columns: list[str], request: Request) -> Reply:
        offset = int(request.query.get("offset", 0))
        limit = min(int(request.query.get("limit", self.max_rows)), self.max_rows)
        counted = "count=exact" in request.headers.get("prefer", "")
        if counted and offset > len(selected):
            return _error(416, "PGRST103", "Requested range not satisfiable")
        page = [{name: row[name] for name in columns} if columns else row for row in selected[offset : offset + limit]]
        content_range = f"{offset}-{offset + len(page) - 1}" if page else "*"
        partial = counted and len(page) < len(selected)
        total = len(selected) if counted else "*"
        return Reply.of_json(page, 206 if partial else 200, {"Content-Range": f"{content_range}/{total}"})


def _filtered(rows: Rows, query: dict[str, list[str]]) -> Rows:
    for name, conditions in query.items():
        if name in ("select", "order", "limit", "offset"):
            continue
        for text in conditions:
            condition = _tree(name, text) if name in ("and", "or") else _term(name, text)
            rows = [row for row in rows if condition(row)]
    return rows


def _term(name: str, text: str) -> Condition:
    operator, _, value = text.partition(".")
    if operator == "is":
        return lambda row: row[name] is None

    def holds(row: dict[str, Any]) -> bool:
        selected = row[name]
        return selected is not None and getattr(selected, _OPERATORS[operator])(type(selected)(value)) is True

    return holds


def _tree(operator: str, text: str) -> Condition:
    """Read ``(and("c".gte."1","c".lte."2"),"c".is.null)``."""
    parts = [match[0] for match in _PART.finditer(text[1:-1])]
    conditions = []
    for part in parts:
        inner = re.fullmatch(r"(and|or)(\(.*\))", part)
        if inner:
            conditions.append(_tree(inner[1], inner[2]))
            continue
        named = re.fullmatch(r'"((?:[^"\\]|\\.)*)"\.(\w+)\.(?:"((?:[^"\\]|\\.)*)"|null)', part)
        assert named, part
        name, value = (re.sub(r"\\(.)", r"\1", selected or "") for selected in (named[1], named[3]))
        conditions.append(_term(name, f"{named[2]}.{value}"))
    return lambda row: (all if operator == "and" else any)(holds(row) for holds in conditions)


def _ordered(rows: Rows, order: str | None) -> Rows:
    for term in reversed((order or "").split(",")):
        column, _, direction = term.partition(".")
        if column:
            # PostgreSQL takes null for the greatest.
            known = [row for row in rows if row[column] is not None]
            known.sort(key=itemgetter(column), reverse=direction == "desc")
            unknown = [row for row in rows if row[column] is None]
            rows = unknown + known if direction == "desc" else known + unknown
    return rows


def _error(status: int, code: str, message: str) -> Reply:
    return Reply.of_json({"code": code, "message": message, "details": None, "hint": None}, status)
