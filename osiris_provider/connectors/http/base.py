"""The base of the HTTP families' connectors: sessions, faults by status, answers, proving a credential."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from osiris_provider import __version__
from osiris_provider.connections.redact import safe_url
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.faults import GARBAGE, RESET, THROTTLED, chain
from osiris_provider.connectors.http.connection import IN_CLEAR, Endpoint, HttpConnection, is_readable
from osiris_provider.connectors.http.faults import (
    BAD_REQUEST,
    BROKEN_JSON,
    CERTIFICATE_ASKED_FOR,
    HTTP_STATUS,
    NOT_CHECKED,
    PENDING,
    TLS_ONLY,
    TOO_LARGE,
    WEB_PAGE,
    HttpFaultError,
    http_fault,
    status_fault,
)
from osiris_provider.connectors.http.json_text import LINES, failure_in, parse_json
from osiris_provider.connectors.http.retry_after import retry_after_seconds
from osiris_provider.connectors.model import reference_of
from osiris_provider.errors import ConnectorError, Fault
from osiris_provider.net.deadline import MIN_TIMEOUT, Deadline
from osiris_provider.net.expiry import CLIENT_CERTIFICATE, note_certificate_file

if TYPE_CHECKING:
    from osiris_provider.connectors.http.auth import OriginAuth
    from osiris_provider.connectors.http.session import Answer, HttpSession

USER_AGENT = f"airflow-provider-osiris/{__version__}"
HEADERS = {
    "User-Agent": USER_AGENT,
    "Accept": "application/json",
    # What is decoded piece by piece, with a bound on each; not every library of Brotli does that.
    "Accept-Encoding": "gzip, deflate",
}
MAX_PROBE = 64 * 1024
MAX_PAGE = 64 * 1024 * 1024
THROTTLED_STATUS = 429
FORBIDDEN_STATUS = 403
ACCEPTED = 202
NO_CONTENT = (204, 205)

HM = TypeVar("HM", bound=HttpConnection)


class HttpConnector(Connector[HM, "HttpSession"]):
    """Base of the HTTP families. A client is a session: it connects when the first request is sent.

    :cvar statuses: what the family's statuses mean.
    """

    statuses: ClassVar[Mapping[int, Fault]] = HTTP_STATUS
    libraries = ("osiris_provider.connectors.http.session",)

    def open_client(self, model: HM, deadline: Deadline) -> HttpSession:
        """Make the session; HTTP has no login to wait for."""
        return self._session(model, deadline.seconds, None)

    def is_alive(self, client: HttpSession) -> bool:
        """Return whether the session has not been closed; it reconnects by itself."""
        return not client.closed

    def close_client(self, client: HttpSession) -> None:
        """Close the session's connections."""
        client.close()

    def probe(self, model: HM, deadline: Deadline) -> dict[str, Any]:
        """Ask for something that needs the credentials."""
        endpoint = model.endpoint()
        with self._session(model, deadline.remaining(), deadline) as session:
            try:
                details = self.probe_with(model, session)
            except Exception as error:
                self._say_what_tls_says(endpoint, error, deadline)
                raise
        note_certificate_file(CLIENT_CERTIFICATE, endpoint.certificate.cert if endpoint.certificate else None)
        urls = [endpoint.base_url, *([endpoint.oauth.token_url] if endpoint.oauth else [])]
        return {**details, "note": IN_CLEAR} if model.logs_in and any(map(is_readable, urls)) else details

    def _say_what_tls_says(self, endpoint: Endpoint, error: Exception, deadline: Deadline) -> None:
        """Shake hands with a server that makes nothing of a request, where TLS may be why.

        :raises HttpFaultError: it speaks TLS and was asked without, or wants a certificate of the client.
        """
        from osiris_provider.connectors.http.oauth import TokenFaultError
        from osiris_provider.connectors.http.tls import shake_hands

        url, has_certificate = endpoint.base_url, endpoint.certificate is not None
        # Asked without TLS, servers break off or answer 400 in clear text; nginx answers 400 for want of a certificate.
        is_plain = not url.lower().startswith("https:")
        is_vague = self.classify(error) in ((RESET, GARBAGE, BAD_REQUEST) if is_plain else (BAD_REQUEST,))
        is_here = not any(isinstance(item, TokenFaultError) for item in chain(error))
        if not (is_vague and is_here and deadline.left() > MIN_TIMEOUT):
            return
        speaks_tls, wants_certificate = shake_hands(url, deadline.part(0.5))
        if is_plain and speaks_tls:
            raise HttpFaultError(TLS_ONLY)
        if wants_certificate and not (is_plain or has_certificate):
            raise HttpFaultError(CERTIFICATE_ASKED_FOR)

    @classmethod
    def remarks(cls, fields: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
        """Return which addresses get credentials over an unencrypted line; see :meth:`Connector.remarks`."""
        declared = cls.declared()
        given = [declared[name] for name, value in fields.items() if name in declared and value not in (None, "")]
        if any(spec.secret for spec in given):
            for name, value in fields.items():
                if name in declared and declared[name].info.public and isinstance(value, str) and is_readable(value):
                    yield name, IN_CLEAR

    @abstractmethod
    def probe_with(self, model: HM, session: HttpSession) -> dict[str, Any]:
        """Show that the credentials are accepted; see :meth:`Connector.probe`. The session keeps the deadline."""

    def fault_of(self, error: BaseException) -> Fault | None:
        """Return the fault of a status, or of what requests and urllib3 raise."""
        return http_fault(error)

    def fault_of_answer(self, answer: Answer) -> Fault | None:
        """Return what is wrong with an answer, None if it is a result; a family also reads its error codes.

        :param answer: of the peer.
        """
        fault = status_fault(answer.status, self.statuses)
        # GitHub and others answer so where a limit of rates is reached.
        waits = answer.status == FORBIDDEN_STATUS and self.retry_after_of(answer) is not None
        return THROTTLED if waits else fault

    def checked(self, answer: Answer) -> Answer:
        """Return an answer that is a result.

        :param answer: of the peer.
        :raises HttpFaultError: it is none.
        """
        fault = self.fault_of_answer(answer)
        if fault:
            raise HttpFaultError(fault, self.retry_after_of(answer), safe_url(answer.url))
        return answer

    def retry_after_of(self, answer: Answer) -> float | None:
        """Return the seconds that an answer asks to wait before the next request, None if it does not say.

        :param answer: of the peer.
        """
        return retry_after_seconds(answer.headers)

    def fetch(
        self,
        session: HttpSession,
        method: str,
        path: str,
        *,
        also: Collection[int] = (),
        lines: bool | None = None,
        **options: Any,
    ) -> tuple[Any, Answer, bool]:
        """Return the JSON of an answer of at most 64 MiB, the answer, and whether it is one without content.

        :param session: the client.
        :param method: such as ``GET``.
        :param path: relative to the base URL, or absolute.
        :param also: statuses besides 204 and 205 that mean an answer without content.
        :param lines: whether it is one JSON text a line; None goes by the content type.
        :raises Exception: what :meth:`Connector.translate_errors` turns into errors of this package.
        """
        answer = session.ask(method, path, MAX_PAGE, **options)
        if answer.status in (*NO_CONTENT, *also):
            return None, answer, True
        if answer.status == ACCEPTED:
            raise HttpFaultError(PENDING, self.retry_after_of(answer), safe_url(answer.url))
        self.checked(answer)
        if not answer.complete:
            raise HttpFaultError(TOO_LARGE, url=safe_url(answer.url))
        if lines is None:
            lines = bool(LINES.fullmatch(answer.media_type))
        if lines and answer.was_cut:
            # One JSON text has an end of its own.
            raise HttpFaultError(RESET, url=safe_url(answer.url))
        return parsed(answer, lines=lines), answer, False

    def error_of(self, error: BaseException, connection: Mapping[str, Any]) -> ConnectorError:
        """Return the error of this package, with the URL that was asked and the seconds that the peer asks to wait."""
        answered = next((item for item in chain(error) if isinstance(item, HttpFaultError)), None)
        if answered is None or answered.url is None:
            return super().error_of(error, connection)
        url = self.model.redactor(connection).masked(answered.url)
        return answered.fault.error(
            url, reference=reference_of(connection), cause=error, retry_after=answered.retry_after
        )

    def _session(self, model: HM, connect_seconds: float, deadline: Deadline | None) -> HttpSession:
        from osiris_provider.connectors.http.auth import OriginAuth
        from osiris_provider.connectors.http.session import HttpSession
        from osiris_provider.connectors.http.tls import certified, trusting

        endpoint = model.endpoint()
        shown = endpoint.certificate
        own = certified(endpoint.ca_bundle, shown.cert, shown.key, shown.password) if shown else None

        def session_at(url: str, auth: OriginAuth) -> HttpSession:
            shared = deadline is not None
            session = HttpSession(
                url,
                auth,
                (connect_seconds, deadline.remaining() if deadline else endpoint.timeout),
                trusting(endpoint.ca_bundle, shared=shared) if url.lower().startswith("https:") else None,
                deadline,
                own,
            )
            session.headers.update({**HEADERS, **endpoint.headers})
            return session

        if endpoint.oauth is None:
            return session_at(endpoint.base_url, OriginAuth(endpoint.base_url, endpoint.credentials, endpoint.query))
        from osiris_provider.connectors.http.oauth import TokenAuth

        auth = TokenAuth(endpoint.base_url, endpoint.credentials, endpoint.oauth, session_at, self.classify)
        return session_at(endpoint.base_url, auth)

    def address_of_fault(self, error: BaseException, connection: Mapping[str, Any]) -> str:
        """Return where a fault happened: at the token endpoint, if that is where."""
        from osiris_provider.connectors.http.oauth import TokenFaultError

        failed = next((item for item in chain(error) if isinstance(item, TokenFaultError)), None)
        if failed is None or failed.url is None:
            return super().address_of_fault(error, connection)
        return self.model.redactor(connection).masked(failed.url)


def parsed(answer: Answer, *, lines: bool = False) -> Any:
    """Return the JSON of an answer.

    :param answer: read to its end.
    :param lines: whether it is one JSON text a line (NDJSON).
    :raises HttpFaultError: it is a web page, or no valid JSON.
    """
    try:
        return parse_json(answer.body, answer.content_type, lines=lines)
    except HttpFaultError as error:
        fault = WEB_PAGE if error.fault is BROKEN_JSON and answer.is_page else error.fault
    raise HttpFaultError(fault, url=safe_url(answer.url))


def says_error(answer: Answer) -> bool:
    """Return whether an answer of JSON says that it is an error, although its status does not.

    :param answer: read to its end or to a bound.
    :raises HttpFaultError: it is no valid JSON.
    """
    is_json = answer.claims_json and answer.complete and answer.body
    return failure_in(parsed(answer)) is not None if is_json else False


def probe_difference(
    ask_wrongly: Callable[[], Answer], accepted: Callable[[Answer], bool], fault: Fault = NOT_CHECKED
) -> None:
    """Make sure that a good answer was given because of the credentials.

    :param ask_wrongly: sends the same request without them, or with wrong ones.
    :param accepted: whether an answer is as good as the one to the right credentials.
    :param fault: if it is.
    :raises HttpFaultError: that was answered just as well; or not at all, because of a limit on requests.
    :raises Exception: whatever else requests and urllib3 raise.
    """
    wrong = _answer_or_none(ask_wrongly)
    if wrong is None:
        return
    if accepted(wrong):
        raise HttpFaultError(fault)
    if wrong.status == THROTTLED_STATUS:
        raise HttpFaultError(THROTTLED, retry_after_seconds(wrong.headers))


def _answer_or_none(ask_wrongly: Callable[[], Answer]) -> Answer | None:
    """Return an answer, None if being asked so is answered by a redirect elsewhere, or by breaking the line off."""
    for _ in range(2):
        try:
            return ask_wrongly()
        except HttpFaultError:  # noqa: PERF203 - two rounds
            # To a login page for one.
            return None
        except Exception as error:
            # The first line was that of the good answer, and may have been closed since.
            if http_fault(error) != RESET:
                raise
    return None
