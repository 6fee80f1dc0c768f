"""Driver of family api: the records of any JSON API, page by page."""

from __future__ import annotations

from typing import Any

from osiris_provider.connections.redact import Redactor
from osiris_provider.connectors.registry import get_connector
from osiris_provider.drivers.base import Extractor
from osiris_provider.drivers.http.config import ApiExtractorConfig
from osiris_provider.drivers.http.paginator import PageRequest, Paginator
from osiris_provider.drivers.http.records import RecordReader
from osiris_provider.drivers.step import Step


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
        pages = Paginator(step, request, config.pagination, config.max_pages)
        return config.to_batches(pages.rows(), step)

    def source(self, config: ApiExtractorConfig) -> str:
        """Return the path; its query may hold a key."""
        return config.path.partition("?")[0]


def _redacted(step: Step[ApiExtractorConfig], text: str) -> str:
    """Hide the secrets of the connection, and a token that its client has fetched."""
    redact = get_connector(step.connection["family"]).model.redactor(step.connection)
    return Redactor(step.client().secrets)(redact(text))
