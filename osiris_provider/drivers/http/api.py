"""Driver of family api: the records of any JSON API, page by page."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from osiris_provider.connections.redact import Redactor
from osiris_provider.connectors.registry import get_connector
from osiris_provider.drivers.base import Extractor, Step
from osiris_provider.drivers.http.base import PagedConfig
from osiris_provider.drivers.http.pages import PageReader, PageRequest
from osiris_provider.drivers.http.paginator import NoPages, PaginationConfig
from osiris_provider.drivers.http.paths import BodyPath
from osiris_provider.drivers.http.records import NullRecords, RecordReader, Shape
from osiris_provider.drivers.incremental.cursor import CursorRange, Incremental

Scalar = str | int | float | bool


def _relative(path: str) -> str:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/|//", path):
        problem = "is a path under the connection's base_url, not a URL"
        raise ValueError(problem)
    return path


class ApiIncremental(Incremental):
    """Config field ``incremental`` of ``api.extractor``.

    :param param: query parameter that takes the cursor value, such as ``updated_since``. Whether the API means it
        inclusive is its own affair: records that were read are left out.
    """

    param: Annotated[str, Field(min_length=1)]


class ApiExtractorConfig(PagedConfig):
    """Config of ``api.extractor``.

    :param path: under the connection's base URL.
    :param params: query parameters.
    :param method: POST only for reading: a request may be sent twice.
    :param body: JSON that is posted.
    :param format: ``ndjson`` for one JSON text a line; ``auto`` goes by the content type.
    :param records: path of the records in an answer; empty if the answer is the list.
    :param records_as: ``list`` of objects, one ``object``, or a ``map`` whose values are the records.
    :param key_field: column that takes the names of a map.
    :param records_optional: whether an answer may lack the path if it has no records. A typo is then no records.
    :param null_records: ``skip`` leaves null among the records out.
    :param error_paths: where an answer with status 200 tells of an error. ``ok: false``, ``success: false`` and
        ``status: error`` or ``fail`` at its top do so too, unless there are none.
    :param pagination: how to get from page to page.
    :param incremental: what is new; ``param`` is the query parameter that takes where to begin.
    """

    path: Annotated[str, AfterValidator(_relative)]
    params: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    method: Literal["GET", "POST"] = "GET"
    body: dict[str, Any] | None = None
    format: Literal["auto", "json", "ndjson"] = "auto"
    records: BodyPath = ""
    records_as: Shape = "list"
    key_field: Annotated[str, Field(min_length=1)] = "key"
    records_optional: bool = False
    null_records: NullRecords = "error"
    error_paths: list[BodyPath] = Field(default_factory=lambda: ["error", "errors"])
    pagination: PaginationConfig = NoPages()
    incremental: ApiIncremental | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.method == "GET" and (self.body is not None or self.pagination.params_in == "body"):
            problem = "a body, or pagination.params_in: body, needs method: POST"
            raise ValueError(problem)
        return self

    def asked(self, cursor_range: CursorRange | None) -> dict[str, Any]:
        """Return the query parameters that all pages have.

        :param cursor_range: what to ask for.
        """
        if cursor_range is None or cursor_range.low is None or self.incremental is None:
            return self.params
        return {**self.params, self.incremental.param: cursor_range.low.json()}


class ApiExtractor(Extractor[ApiExtractorConfig]):
    """Reads the records of a JSON API."""

    name = "api.extractor"
    family = "api"
    config_model = ApiExtractorConfig

    def extract(self, step: Step[ApiExtractorConfig]) -> Any:
        """Return the records as a stream of record batches, a batch a page."""
        config = step.config
        records = RecordReader(
            step.id,
            config.records,
            config.records_as,
            config.key_field,
            config.records_optional,
            config.null_records,
            config.error_paths,
            lambda text: _redacted(step, text),
        )
        request = PageRequest(
            config.path,
            records.rows_of,
            config.method,
            config.asked(step.cursor_range),
            config.body,
            None if config.format == "auto" else config.format == "ndjson",
            config.page_timeout,
        )
        pages = PageReader(step, request, config.pagination, config.max_pages)
        return config.to_batches(pages.rows(), step)

    def source(self, config: ApiExtractorConfig) -> str:
        """Return the path; its query may hold a key."""
        return config.path.partition("?")[0]


def _redacted(step: Step[ApiExtractorConfig], text: str) -> str:
    """Hide the secrets of the connection, and a token that its client has fetched."""
    redact = get_connector(step.connection["family"]).model.redactor(step.connection)
    return Redactor(step.client().secrets)(redact(text))
