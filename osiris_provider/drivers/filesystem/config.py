"""Configs of the drivers of files: what a step says about its file, and the names of Arrow's types."""

from __future__ import annotations

import codecs
import os
import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator
from typing_extensions import Self

from osiris_provider.connections.settings import parse_mode
from osiris_provider.drivers.dtypes import zoned_timestamp
from osiris_provider.drivers.sql.config import Text
from osiris_provider.drivers.step import MAX_INTEGER, StepConfig

if TYPE_CHECKING:
    import pyarrow as pa

Newline = Literal["auto", "\n", "\r\n", "\r"]
BinaryText = Literal["base64", "hex"]


def _local(path: str) -> str:
    if re.match(r"[A-Za-z][A-Za-z0-9+.]+://", path):
        message = "is the path of a local file, not a URL"
        raise ValueError(message)
    if "\0" in path:
        message = "has a NUL character in it"
        raise ValueError(message)
    if path.endswith("/"):
        message = "is the path of a file, and not of a directory: it ends with /"
        raise ValueError(message)
    return os.path.expanduser(path)


LocalPath = Annotated[Text, AfterValidator(_local)]
"""A path as a config field: local, with ``~`` for the home directory."""


def _character(text: str | None) -> str | None:
    if not text:
        return None
    if len(text) == 1 and text.isascii() and not text.isalnum() and text not in "\r\n\0":
        return text
    message = "is one ASCII character, and no letter, digit or line break"
    raise ValueError(message)


def _delimiter(text: str) -> str:
    if _character(text) is None or text == '"':
        message = 'is one ASCII character, such as a comma or "\\t"'
        raise ValueError(message)
    return text


def _known_type(name: str | None) -> str | None:
    if name is None or arrow_type(name) is not None:
        return name
    message = f"Arrow knows no type '{name}'"
    raise ValueError(message)


Character = Annotated[str | None, AfterValidator(_character)]
Delimiter = Annotated[str, AfterValidator(_delimiter)]
TypeName = Annotated[str, AfterValidator(_known_type)]


def _mode(text: str | None) -> str | None:
    if text is None or parse_mode(text) is not None:
        return text
    message = "is a mode such as 0600 or 0640, in quotes; the owner reads and writes"
    raise ValueError(message)


FileMode = Annotated[str | None, AfterValidator(_mode)]
"""The mode of a file as a config field; None for ``[osiris] file_mode``."""


class FileWriterConfig(StepConfig):
    """What the configs of all drivers that write a file have.

    :param path: of the file.
    :param file_mode: such as ``0640``; else ``[osiris] file_mode``.
    :param input: step whose result is written, if there are several.
    """

    path: LocalPath
    file_mode: FileMode = None
    input: str | None = None


class CsvExtractorConfig(StepConfig):
    r"""Config of ``filesystem.csv_extractor``.

    :param path: of a local file; ``.gz`` and ``.zip`` (with one file inside) are unpacked while they are read.
    :param delimiter: between cells; else that of a first line ``sep=;``, which Excel writes, else a comma.
    :param quote: around cells that have delimiters, quotes or line breaks in them; empty: quotes mean nothing.
    :param escape: takes the meaning from the character after it; a quote within quotes is doubled without it.
    :param newline: what ends a row: with ``\n``, ``\r\n`` or ``\r`` the other line breaks belong to the cells.
    :param encoding: any that Python knows.
    :param header: whether the first row has the names. Without it the columns are called ``f0``, ``f1`` …
    :param column_names: instead of those of the header, or where there is none.
    :param columns: those that are wanted, in this order.
    :param column_types: Arrow's names of types (``int64``, ``double``, ``string``, ``date32``, ``timestamp[us]``,
        ``decimal(10, 2)`` …) of columns whose type shall not depend on what is in them.
    :param default_type: of all columns that ``column_types`` does not name; ``string`` leaves everything as it is.
    :param null_values: cells that are null, unless they are quoted.
    :param decimal_point: of numbers, or ``,``.
    :param skip_rows: lines before the header.
    :param comment: lines that begin with it are left out.
    :param limit: the most rows that are read.
    :param bad_lines: rows with too few or too many cells; ``skip`` counts and logs them.
    :param binary: how cells of columns of type ``binary`` are written, or ``hex``.
    :param max_unpacked_bytes: to which a ``.gz`` or ``.zip`` may unpack; 16 GiB if it is not given.
    """

    path: LocalPath
    delimiter: Delimiter | None = None
    quote: Character = '"'
    escape: Character = None
    newline: Newline = "auto"
    encoding: str = "utf-8"
    header: bool = True
    column_names: list[Text] | None = None
    columns: Annotated[list[Text], Field(min_length=1)] | None = None
    column_types: dict[str, TypeName] = Field(default={})
    default_type: TypeName | None = None
    null_values: list[str] = Field(default=[""])
    decimal_point: Annotated[str, Field(pattern=r"^[.,]$")] = "."
    skip_rows: Annotated[int, Field(ge=0, le=MAX_INTEGER)] = 0
    comment: Character = None
    limit: Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None = None
    bad_lines: Literal["error", "skip"] = "error"
    binary: BinaryText = "base64"
    max_unpacked_bytes: Annotated[int, Field(ge=1, le=MAX_INTEGER)] = 16 * 1024**3

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            codec = codecs.lookup(encoding)
        except LookupError:
            pass
        else:
            if codec._is_text_encoding:  # noqa: SLF001 - as open() asks
                return codec.name
        message = f"Python knows no encoding '{encoding}'"
        raise ValueError(message)

    @model_validator(mode="after")
    def _different(self) -> Self:
        special = [item for item in (self.delimiter or ",", self.quote, self.escape, self.comment) if item]
        if len(set(special)) < len(special):
            message = "delimiter, quote, escape and comment are different characters"
            raise ValueError(message)
        if self.columns is not None and len(set(self.columns)) < len(self.columns):
            message = "columns has a name twice"
            raise ValueError(message)
        return self

    def type_of(self, column: str) -> pa.DataType | None:
        """Return the Arrow type that is declared for a column; None if its values decide."""
        name = self.column_types.get(column, self.default_type)
        return None if name is None else arrow_type(name)


class CsvWriterConfig(FileWriterConfig):
    """Config of ``filesystem.csv_writer``.

    :param delimiter: between cells.
    :param header: whether the first row has the names.
    :param compression: ``gzip`` or ``none``; ``auto`` compresses a file whose name ends in ``.gz``.
    :param binary: how bytes are written, or ``hex``.
    :param escape_formulas: put ``'`` before texts that a spreadsheet would take for a formula.
    """

    delimiter: Delimiter = ","
    header: bool = True
    compression: Literal["auto", "gzip", "none"] = "auto"
    binary: BinaryText = "base64"
    escape_formulas: bool = False


class ParquetWriterConfig(FileWriterConfig):
    """Config of ``filesystem.parquet_writer``.

    :param compression: of the columns: ``zstd``, ``snappy``, ``gzip`` or ``none``.
    """

    compression: Literal["zstd", "snappy", "gzip", "none"] = "zstd"


_UNITS = r"(s|ms|us|ns)"
_SHORT = {"date": "date32", "time": "time64[us]", "float": "float32", "timestamp": "timestamp[us]"}


def arrow_type(name: str) -> pa.DataType | None:
    """Return the Arrow type of a name, or None if there is none.

    :param name: such as ``int64``, ``decimal(10, 2)`` or ``timestamp[us, UTC]``; also as Arrow itself writes it.
    """
    import pyarrow as pa

    try:
        if decimal := re.fullmatch(r"decimal(32|64|128|256)?\((\d+), ?(-?\d+)\)", name):
            wide = decimal[1] or ("128" if int(decimal[2]) <= 38 else "256")
            return getattr(pa, f"decimal{wide}")(int(decimal[2]), int(decimal[3]))
        if zoned := re.fullmatch(rf"timestamp\[{_UNITS}, ?(?:tz=)?([^\]]+)\]", name):
            return zoned_timestamp(zoned[1], zoned[2])
        if sized := re.fullmatch(r"(?:fixed_size_binary|binary)[\[(](\d+)[\])]", name):
            return pa.binary(int(sized[1]))
        plain = re.sub(r"^(date32|date64)\[(day|ms)\]$", r"\1", name)
        return pa.type_for_alias(_SHORT.get(plain, plain))
    except ValueError:
        return None
