"""The generated parts of documents.

docs/fields.md: the fields of each family, and where an Airflow connection keeps them. docs/apis.md,
docs/incremental.md, docs/reading.md and docs/writing.md: the config fields of the drivers. docs/faults.md,
docs/hook-types.md and docs/reference.md: all of them.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docs_faults import page as faults_page
from docs_hooks import page as hooks_page
from docs_reference import reference
from pydantic import BaseModel

from osiris_provider.connections.registry import family_names
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import extra_key
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.model import FieldSpec
from osiris_provider.drivers.duckdb.config import DuckDBWriteConfig
from osiris_provider.drivers.filesystem.config import (
    CsvExtractorConfig,
    CsvWriterConfig,
    FileWriterConfig,
    ParquetWriterConfig,
)
from osiris_provider.drivers.http.config import ApiExtractorConfig, ApiIncremental, PagedConfig, ShopifyExtractorConfig
from osiris_provider.drivers.http.page_kinds import CursorPages, LinkedPages, NumberedPages, OffsetPages
from osiris_provider.drivers.http.pagination import Pagination
from osiris_provider.drivers.incremental.cursor import Incremental
from osiris_provider.drivers.mysql.config import MySQLQueryConfig, MySQLWriteConfig
from osiris_provider.drivers.postgres.config import PostgresQueryConfig, PostgresWriteConfig
from osiris_provider.drivers.sql.config import ServerQueryConfig, TableConfig, WriteConfig
from osiris_provider.drivers.supabase.config import SupabaseExtractorConfig, SupabaseWriteConfig

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parent.parent
END = "<!-- end of fields -->"
CONFIGS: dict[str, dict[type[BaseModel], type[BaseModel] | None]] = {
    "apis.md": {
        PagedConfig: None,
        ApiExtractorConfig: PagedConfig,
        Pagination: None,
        NumberedPages: Pagination,
        OffsetPages: Pagination,
        CursorPages: Pagination,
        LinkedPages: Pagination,
        ShopifyExtractorConfig: PagedConfig,
        SupabaseExtractorConfig: PagedConfig,
    },
    "incremental.md": {Incremental: None, ApiIncremental: Incremental},
    "reading.md": {
        ServerQueryConfig: None,
        PostgresQueryConfig: ServerQueryConfig,
        MySQLQueryConfig: ServerQueryConfig,
        CsvExtractorConfig: None,
    },
    "writing.md": {
        WriteConfig: None,
        PostgresWriteConfig: WriteConfig,
        MySQLWriteConfig: WriteConfig,
        DuckDBWriteConfig: WriteConfig,
        SupabaseWriteConfig: TableConfig,
        FileWriterConfig: None,
        CsvWriterConfig: FileWriterConfig,
        ParquetWriterConfig: FileWriterConfig,
    },
}
"""Configs that have a table, by document, each with the one whose fields are in a table of their own."""


def tables() -> str:
    """Return the tables of all families of this package."""
    ours = [name for name in family_names() if type(get_connector(name)).__module__.startswith("osiris_provider.")]
    return "\n\n".join("\n".join(table(family)) for family in ours)


def table(family: str) -> Iterator[str]:
    """Yield the lines of a family's table.

    :param family: such as ``mysql``.
    """
    connector = get_connector(family)
    kind = "as `conn_type` says" if _keeps_ids(connector) else f"`osiris_{family}`"
    yield f"## {connector.label}: `{family}`, connection type {kind}"
    yield ""
    yield "| field | default | Airflow form | meaning |"
    yield "|---|---|---|---|"
    for spec in connector.model.fields():
        slot = f"`{spec.name}`{', secret' if spec.secret else ''}" if _keeps_ids(connector) else form(spec)
        yield f"| {names(spec)} | {default(spec)} | {slot} | {spec.info.help.replace('|', '&#124;')} |"


def _keeps_ids(connector: Connector[Any, Any]) -> bool:
    """Return whether connections of a family are Airflow's own, each field in the place of that name."""
    return connector.airflow_id("an-id") == "an-id"


def names(spec: FieldSpec) -> str:
    """Return a field's name and its other names."""
    others = ", ".join(f"`{name}`" for name in spec.info.aliases)
    return f"`{spec.name}`{f' ({others})' if others else ''}"


def default(spec: FieldSpec) -> str:
    """Return what a field is when it is not given."""
    if spec.required:
        return "**required**"
    if spec.default is None or spec.secret or spec.default == "":
        return ""
    return f"`{str(spec.default).lower() if isinstance(spec.default, bool) else spec.default}`"


def form(spec: FieldSpec) -> str:
    """Return where an Airflow connection keeps a field."""
    slot = f"extra `{extra_key(spec)}`" if spec.info.airflow == "extra" else spec.info.airflow
    return f"{slot}, secret" if spec.secret else slot


def config_table(model: type[BaseModel], base: type[BaseModel] | None) -> str:
    """Return the table of a config's fields; what they mean stands in its docstring.

    :param model: the config.
    :param base: whose fields are left out, unless they have another default here.
    """
    meanings = dict(_meanings(model))
    known = base.model_fields if base else {}
    lines = ["| field | default | meaning |", "|---|---|---|"]
    for name, info in model.model_fields.items():
        if name != "kind" and (name not in known or known[name].default != info.default):
            lines.append(f"| `{name}` | {_config_default(info)} | {meanings[name]} |")
    return "\n".join(lines)


def _meanings(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for cls in reversed(model.__mro__):
        text = inspect.cleandoc(cls.__doc__ or "")
        for match in re.finditer(r"^:param (\w+): (.*(?:\n    .*)*)", text, re.MULTILINE):
            words = " ".join(match[2].split()).replace("``", "`").replace("|", "&#124;")
            words = re.sub(r"\bNone\b", "null", words)
            yield match[1], words[:1].upper() + words[1:]


def _config_default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    value: Any = info.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        value = value.model_dump(include={"kind"})
    return "" if value in (None, "", [], {}) else f"`{value if isinstance(value, str) else json.dumps(value)}`"


def documents() -> dict[Path, str]:
    """Return the documents with their generated parts as they have to be."""
    docs = ROOT / "docs"
    pages = {"faults.md": faults_page(), "hook-types.md": hooks_page(), "reference.md": reference()}
    pages["fields.md"] = _with_part((docs / "fields.md").read_text(encoding="utf-8"), "fields", tables())
    for page, configs in CONFIGS.items():
        pages[page] = (docs / page).read_text(encoding="utf-8")
        for model, base in configs.items():
            pages[page] = _with_part(pages[page], f"fields of {model.__name__}", config_table(model, base))
    return {docs / name: page for name, page in pages.items()}


def _with_part(text: str, name: str, part: str) -> str:
    begin = f"<!-- {name}: written by scripts/docs -->"
    if begin not in text:
        message = f"there is no {begin}"
        raise ValueError(message)
    pattern = re.compile(f"(?<={re.escape(begin)}\n).*?(?={re.escape(END)})", re.DOTALL)
    return pattern.sub(lambda _: f"\n{part}\n\n", text, count=1)


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def main() -> int:
    """Write the generated parts; with ``--check`` return 1 if that would change something."""
    changed = {path: text for path, text in documents().items() if not _is(path, text)}
    if "--check" not in sys.argv:
        for path, text in changed.items():
            path.write_text(text, encoding="utf-8")
    elif changed:
        names = ", ".join(str(path.relative_to(ROOT)) for path in changed)
        sys.stderr.write(f"{names} does not say what the models say. Run scripts/docs.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
