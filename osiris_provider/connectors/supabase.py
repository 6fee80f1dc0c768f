"""Supabase: its Data API (PostgREST behind a gateway) with a key, or its PostgreSQL database with a DSN."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from pydantic import AfterValidator, SecretStr, model_validator
from typing_extensions import Self

from osiris_provider.connectors.faults import GARBAGE, TIMED_OUT
from osiris_provider.connectors.http.base import MAX_PROBE, HttpConnector, parsed, probe_difference
from osiris_provider.connectors.http.connection import CaBundle, Endpoint, HeaderSecret, HttpConnection, Timeout, Url
from osiris_provider.connectors.http.faults import FORBIDDEN, HTTP_STATUS, SERVER_ERROR, UNAUTHORIZED, HttpFaultError
from osiris_provider.connectors.model import FieldError, FieldInfo
from osiris_provider.connectors.sql.faults import NO_SUCH_COLUMN, NO_SUCH_TABLE
from osiris_provider.errors import ConnectionConfigError, Fault
from osiris_provider.net.deadline import Deadline

if TYPE_CHECKING:
    from osiris_provider.connectors.http.session import Answer, HttpSession
    from osiris_provider.connectors.postgres import PostgresConnector

PAUSED = Fault(
    "project_paused",
    "unknown",
    "The project at {address} is paused. Restore it in the Supabase dashboard.",
    permanent=True,
)
NO_SCHEMA = Fault(
    "schema_not_exposed",
    "unknown",
    "{address} does not expose this schema. Expose it in the project's Data API settings, or change field schema.",
    permanent=True,
)
NO_TABLE = NO_SUCH_TABLE.reworded(
    "{address} exposes no such table or view in this schema. Check its name and the Data API settings.",
)
NO_COLUMN = NO_SUCH_COLUMN.reworded("{address} has no such column. Check select, filters and order.")

STATUSES = {**HTTP_STATUS, 540: PAUSED}
CODES: dict[str, Fault] = {
    "PGRST000": SERVER_ERROR,
    "PGRST001": SERVER_ERROR,
    "PGRST002": SERVER_ERROR,
    "PGRST003": TIMED_OUT,
    "PGRST106": NO_SCHEMA,
    "PGRST204": NO_COLUMN,
    "PGRST205": NO_TABLE,
    "PGRST301": UNAUTHORIZED,
    "PGRST302": UNAUTHORIZED,
    "PGRST303": UNAUTHORIZED,
    "42501": FORBIDDEN,
    "42703": NO_COLUMN,
    "42P01": NO_TABLE,
    "57014": TIMED_OUT,
}
"""PostgREST's codes and the SQLSTATEs that it passes on; they tell more than the status."""

# The Data API answers for a table that does not exist only after it has accepted the key.
NO_SUCH_TABLE_CODES = ("PGRST205", "42P01")
NO_OPENAPI_CODE = "PGRST126"
PROBE = "osiris_doctor_probe?limit=0"


def _checked_version(text: str) -> str:
    if not re.fullmatch(r"v\d+", text):
        problem = "is not a version such as v1"
        raise ValueError(problem)
    return text


def _checked_schema(text: str) -> str:
    name = text.strip()
    if not name or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", name):
        problem = "is not the name of a schema such as public"
        raise ValueError(problem)
    return name


with warnings.catch_warnings():
    # The field must be called schema, as it is in the connections file; pydantic's old method of that name is unused.
    warnings.filterwarnings("ignore", message='Field name "schema"', category=UserWarning)

    class SupabaseConnection(HttpConnection):
        """Connection to a Supabase project."""

        url: Annotated[
            Url, FieldInfo("Project URL.", public=True, airflow="host", placeholder="https://abc123.supabase.co")
        ]
        service_role_key: Annotated[
            HeaderSecret | None,
            FieldInfo("Secret key (sb_secret_…) or the older service_role key.", airflow="password", aliases=("key",)),
        ] = None
        anon_key: Annotated[HeaderSecret | None, FieldInfo("Publishable key or the older anon key.")] = None
        api_version: Annotated[
            str, FieldInfo("Version of the Data API.", public=True), AfterValidator(_checked_version)
        ] = "v1"
        schema: Annotated[
            str, FieldInfo("Schema of the tables.", public=True, airflow="schema"), AfterValidator(_checked_schema)
        ] = "public"  # type: ignore[assignment] # pydantic's old method of that name is unused
        pg_dsn: Annotated[SecretStr | None, FieldInfo("PostgreSQL URL of the project, for SQL.")] = None
        timeout: Timeout = 30.0
        ca_bundle: CaBundle = None

        @model_validator(mode="after")
        def _consistent(self) -> Self:
            if re.search(r"/rest(?:/v\d+)?$", self.url):
                problem = "is the project's URL, without the path of its Data API"
                raise FieldError(problem, field="url")
            if not (self.key or self.pg_dsn):
                problem = "is required, or anon_key, or pg_dsn"
                raise FieldError(problem, field="service_role_key")
            return self

        @property
        def key(self) -> SecretStr | None:
            """The key that is used: the more powerful one."""
            return self.service_role_key or self.anon_key

        def endpoint(self) -> Endpoint:
            """Return the Data API with its key."""
            base_url = f"{self.url}/rest/{self.api_version}/"
            credentials = key_headers(self.key.get_secret_value() if self.key else "")
            schema = self.schema.encode()
            profile = {"Accept-Profile": schema, "Content-Profile": schema}
            return Endpoint(base_url, self.timeout, self.ca_bundle, credentials, profile)

        def check_further(self) -> None:
            """Check what ``pg_dsn`` says; see :meth:`ConnectionModel.check_further`."""
            if self.pg_dsn is None:
                return
            from osiris_provider.connectors.postgres import PostgresConnector

            problem = ""
            try:
                PostgresConnector.model.parse(_dsn_connection(self)).check_further()
            except ConnectionConfigError as error:
                problem = str(error).replace("field dsn", "field pg_dsn")
            if problem:
                raise ConnectionConfigError(problem, field="pg_dsn")

        def shown_address(self) -> str:
            """Return the project's URL."""
            return self.url

        def identity(self) -> tuple[str, str]:
            """Return the kind of key and the key, or nothing if there is only a DSN."""
            role = "service_role" if self.service_role_key else "anon"
            return (role, self.key.get_secret_value()) if self.key else ("", "")


def key_headers(key: str) -> dict[str, bytes]:
    """Return the headers that carry a key: the gateway reads the first, PostgREST the second.

    :param key: of any of the four kinds.
    """
    return {"apikey": key.encode(), "Authorization": b"Bearer " + key.encode()} if key else {}


class SupabaseConnector(HttpConnector[SupabaseConnection]):
    """Connector of family ``supabase``.

    Doctor asks the Data API, never the health page, which is public. A service role key is asked for the API's root,
    which other keys may not see; an anon key for a table that does not exist, because the API says so only to a key
    that it has accepted. A key of no one must then be refused. With ``pg_dsn`` the database is logged in to as well.
    """

    family = "supabase"
    label = "Supabase"
    model = SupabaseConnection
    statuses: ClassVar[Mapping[int, Fault]] = STATUSES

    @cached_property
    def _postgres(self) -> PostgresConnector:
        from osiris_provider.connectors.postgres import PostgresConnector

        return PostgresConnector()

    def open_client(self, model: SupabaseConnection, deadline: Deadline) -> HttpSession:
        """Make the session; with only a ``pg_dsn`` a database connection as family ``postgres`` makes it."""
        if model.key is None and model.pg_dsn is not None:
            return cast("HttpSession", self._postgres.create_client(_dsn_connection(model)))
        return super().open_client(model, deadline)

    def is_alive(self, client: Any) -> bool:
        """Ask the family that made the client."""
        return super().is_alive(client) if _is_session(client) else self._postgres.is_alive(client)

    def probe(self, model: SupabaseConnection, deadline: Deadline) -> dict[str, Any]:
        """Prove each credential that is given."""
        details = super().probe(model, deadline) if model.key else {}
        if model.pg_dsn is not None:
            dsn = _dsn_connection(model)
            postgres = self._postgres
            details |= postgres.translate_errors(dsn, lambda: postgres.probe(postgres.model.parse(dsn), deadline))
        return details

    def probe_with(self, model: SupabaseConnection, session: HttpSession) -> dict[str, Any]:
        """Show that the gateway accepts this key and refuses another."""
        path, accepted = ("", _root_accepted) if model.service_role_key else (PROBE, _probe_accepted)
        answer = session.ask("GET", path, MAX_PROBE)
        if not accepted(answer):
            self.checked(answer)
            parsed(answer)
            raise HttpFaultError(GARBAGE)
        stranger = _auth_of_stranger(model)
        probe_difference(lambda: session.ask_as_stranger(path, MAX_PROBE, stranger), accepted)
        return {"schema": model.schema, "key": model.identity()[0]}

    def fault_of_answer(self, answer: Answer) -> Fault | None:
        """Return the fault of PostgREST's error code, else of the status."""
        if answer.is_success:
            return None
        return CODES.get(error_code(answer)) or super().fault_of_answer(answer)


def _root_accepted(answer: Answer) -> bool:
    return (answer.is_success and _looks_like_json(answer)) or error_code(answer) == NO_OPENAPI_CODE


def _probe_accepted(answer: Answer) -> bool:
    return (answer.is_success and _looks_like_json(answer)) or error_code(answer) in NO_SUCH_TABLE_CODES


def _looks_like_json(answer: Answer) -> bool:
    # The root's OpenAPI document may be longer than what doctor reads.
    if not answer.complete:
        return answer.claims_json and answer.body.lstrip()[:1] in (b"{", b"[")
    try:
        return isinstance(json.loads(answer.body), (dict, list))
    except (ValueError, RecursionError):
        return False


def error_code(answer: Answer) -> str:
    """Return PostgREST's code of an answer that tells of an error, or the SQLSTATE that it passes on; else nothing."""
    if answer.is_success:
        return ""
    try:
        parsed = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    return str(parsed.get("code", "")) if isinstance(parsed, dict) else ""


def _auth_of_stranger(model: SupabaseConnection) -> Any:
    from osiris_provider.connectors.http.auth import OriginAuth

    return OriginAuth(model.endpoint().base_url, key_headers("osiris-doctor-asks-with-a-wrong-key"))


def _dsn_connection(model: SupabaseConnection) -> dict[str, Any]:
    return {"dsn": model.pg_dsn.get_secret_value() if model.pg_dsn else ""}


def _is_session(client: object) -> bool:
    from osiris_provider.connectors.http.session import HttpSession

    return isinstance(client, HttpSession)
