"""Config fields of APIs, files and databases: the least and the most that they take."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.drivers.filesystem.config import CsvExtractorConfig, CsvWriterConfig, ParquetWriterConfig
from osiris_provider.drivers.http.config import PagedConfig, ShopifyExtractorConfig
from osiris_provider.drivers.http.page_kinds import CursorPages, LinkedPages, NumberedPages, OffsetPages
from osiris_provider.drivers.incremental.cursor import Incremental
from osiris_provider.drivers.mysql.config import MySQLQueryConfig, MySQLWriteConfig
from osiris_provider.drivers.registry import driver_names, get_driver
from osiris_provider.drivers.sql.config import ServerQueryConfig, WriteConfig
from osiris_provider.drivers.step import StepConfig
from pydantic import BaseModel, TypeAdapter, ValidationError

CSV, SHOPIFY, TABLE = {"path": "/x.csv"}, {"resource": "products"}, {"table": "t"}
LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("model", "others", "field", "accepted", "refused"),
    [
        (PagedConfig, {}, "infer_rows", [1, 1_000_000], [0, 1_000_001]),
        (PagedConfig, {}, "other_fields", ["x"], [""]),
        (PagedConfig, {}, "page_timeout", [0.1, 86_400], [0, 86_401]),
        (PagedConfig, {}, "max_pages", [1, LARGEST], [0, LARGEST + 1]),
        (ShopifyExtractorConfig, SHOPIFY, "fields", [["id"]], [[]]),
        (ShopifyExtractorConfig, SHOPIFY, "page_size", [1, 250], [0, 251]),
        (NumberedPages, {"kind": "page"}, "page_size", [1, 100_000], [0, 100_001]),
        (NumberedPages, {"kind": "page"}, "page_param", ["p"], [""]),
        (NumberedPages, {"kind": "page"}, "size_param", ["p", None], [""]),
        (NumberedPages, {"kind": "page"}, "end_status", [[400], [499]], [[399], [500]]),
        (OffsetPages, {"kind": "offset"}, "page_size", [1, 100_000], [0, 100_001]),
        (OffsetPages, {"kind": "offset"}, "offset_param", ["p"], [""]),
        (OffsetPages, {"kind": "offset"}, "limit_param", ["p", None], [""]),
        (OffsetPages, {"kind": "offset"}, "start", [0], [-1]),
        (CursorPages, {"kind": "cursor"}, "cursor_param", ["c"], [""]),
        (CursorPages, {"kind": "cursor"}, "size_param", ["p", None], [""]),
        (CursorPages, {"kind": "cursor"}, "page_size", [1, 100_000], [0, 100_001]),
        (LinkedPages, {"kind": "link"}, "relation", ["n"], [""]),
        *[
            (config, {}, "path", ["x.csv", "c:/x"], ["s3://b/x.csv", "x\0.csv", "x/", "", " "])
            for config in (CsvExtractorConfig, CsvWriterConfig, ParquetWriterConfig)
        ],
        (CsvWriterConfig, CSV, "file_mode", ["0640", None], ["0940", "0440", "x"]),
        (CsvWriterConfig, CSV, "delimiter", ["|", "\t"], ['"', "a", "\n", "", "||", "§"]),
        (CsvExtractorConfig, CSV, "delimiter", ["|", "\t", None], ['"', "a", "\n", "", "||", "§"]),
        *[
            (CsvExtractorConfig, CSV, field, ["$", None], ["a", "1", "\r", "\0", "$$", "§", ","])
            for field in ("quote", "escape", "comment")
        ],
        *[(CsvExtractorConfig, CSV, field, [], ['"']) for field in ("delimiter", "escape", "comment")],
        (CsvExtractorConfig, CSV, "columns", [["a"], ["a", "A"]], [[], ["a", "b", "a"], [""]]),
        (CsvExtractorConfig, CSV, "column_names", [["a"]], [[""]]),
        (CsvExtractorConfig, CSV, "column_types", [{}, {"a": "decimal(12, 2)"}], [{"a": "number"}]),
        (CsvExtractorConfig, CSV, "default_type", ["string", None], ["text?", ""]),
        (CsvExtractorConfig, CSV, "encoding", ["iso8859-1", "utf-8"], ["klingon", "base64", ""]),
        (CsvExtractorConfig, CSV, "decimal_point", [".", ","], ["", ";", ".,"]),
        (CsvExtractorConfig, CSV, "skip_rows", [0, LARGEST], [-1, LARGEST + 1]),
        (CsvExtractorConfig, CSV, "limit", [0, LARGEST], [-1, LARGEST + 1]),
        (CsvExtractorConfig, CSV, "max_unpacked_bytes", [1, LARGEST], [0, LARGEST + 1]),
        (ServerQueryConfig, TABLE, "batch_rows", [1, LARGEST], [0, LARGEST + 1]),
        (ServerQueryConfig, {**TABLE, "partition_on": "id"}, "partitions", [2, 32], [1, 33]),
        (ServerQueryConfig, TABLE, "partition_on", ["p", None], ["", " "]),
        (ServerQueryConfig, TABLE, "columns", [["a"], None], [[], [""]]),
        (ServerQueryConfig, {}, "table", ["t"], ["", " "]),
        (ServerQueryConfig, {}, "query", ["q"], ["", " "]),
        (ServerQueryConfig, TABLE, "text_columns", [[], ["a"]], [[""]]),
        (ServerQueryConfig, TABLE, "special_values", ["text", "null", "error"], ["none"]),
        (WriteConfig, TABLE, "batch_rows", [1, LARGEST], [0, LARGEST + 1]),
        (WriteConfig, TABLE, "lossy", ["error", "round"], ["cut"]),
        (WriteConfig, {**TABLE, "primary_key": "id"}, "write_mode", ["append", "replace", "upsert"], ["merge"]),
        (WriteConfig, {}, "table", ["t", "_osiris_.t", "osiris_t"], ["", "_osiris_t", "s._OSIRIS_x"]),
        (MySQLQueryConfig, TABLE, "engine", ["auto", "binary", "cursor"], ["load_data"]),
        (MySQLWriteConfig, TABLE, "engine", ["auto", "load_data", "insert"], ["cursor"]),
    ],
)
def test_a_field_takes_its_least_and_its_most_and_nothing_beyond(
    model: type[StepConfig], others: dict[str, Any], field: str, accepted: list[Any], refused: list[Any]
) -> None:
    for value in accepted:
        assert getattr(model(**others, **{field: value}), field) == value
    for value in refused:
        with pytest.raises(ValidationError, match=field):
            model(**others, **{field: value})


MODELS: list[type[BaseModel]] = [NumberedPages, OffsetPages, CursorPages, LinkedPages, Incremental]
MODELS += [getattr(get_driver(name), "config_model", Incremental) for name in driver_names()]


@pytest.mark.parametrize("model", dict.fromkeys(MODELS))
def test_a_field_may_say_its_default(model: type[BaseModel]) -> None:
    optional = {name: info for name, info in model.model_fields.items() if not info.is_required()}
    assert optional
    for info in optional.values():
        default = info.get_default(call_default_factory=True, validated_data={})
        adapter: TypeAdapter[Any] = TypeAdapter(info.rebuild_annotation())
        assert adapter.validate_python(default) == default
