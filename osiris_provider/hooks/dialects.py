"""How the SQL families quote names and replace rows, for ``insert_rows`` and the operators that use it."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

from airflow.providers.common.sql.dialects.dialect import Dialect

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class OsirisDialect(Dialect):
    """Base of the families' dialects.

    :cvar folds_names: whether an unquoted name means another column than the same name in quotes. Such names are left
        as they are if they can be; all others are quoted always.
    """

    folds_names: ClassVar[bool] = False

    def escape_word(self, word: str) -> str:
        """Quote a column's name, unless it is quoted already or need not be.

        :param word: of ``target_fields``.
        """
        closing = self.escape_word_format[-1]
        plain = self.folds_names and PLAIN.fullmatch(word) and word.casefold() not in self.reserved_words
        if not self._is_quoted(word) and (self.hook.escape_column_names or not plain):
            word = self.escape_word_format.format(word.replace(closing, closing * 2))
        # Drivers that take %s for a value take %% for a percent sign.
        return word.replace("%", "%%") if self.placeholder == "%s" else word

    def column_name(self, word: str) -> str:
        """Return the name of a column as the database keeps it.

        :param word: of ``target_fields``, quoted or not.
        """
        if self._is_quoted(word):
            closing = self.escape_word_format[-1]
            return word[1:-1].replace(closing * 2, closing)
        return word.lower() if self.folds_names and PLAIN.fullmatch(word) else word

    def _is_quoted(self, word: str) -> bool:
        opening, closing = self.escape_word_format[0], self.escape_word_format[-1]
        return len(word) > 1 and word.startswith(opening) and word.endswith(closing)


class TableColumn(NamedTuple):
    """A column of a table.

    :param dtype: what the server calls its type.
    :param is_key: it is of the primary key.
    :param is_given: a row may give its value, which is not generated.
    """

    name: str
    dtype: Any
    is_key: bool
    is_given: bool


class OnConflictDialect(OsirisDialect):
    """Dialects in which an INSERT says what becomes of a row that is there already."""

    @abstractmethod
    def columns(self, table: str, schema: str | None = None) -> list[TableColumn]:
        """Return the columns of a table in their order; none if there is no such table.

        :param table: as SQL writes it.
        :param schema: of the table; None looks along the search path.
        """

    def get_primary_keys(self, table: str, schema: str | None = None) -> list[str] | None:
        """Return the columns of the primary key; see :meth:`columns`."""
        return [column.name for column in self.columns(table, schema) if column.is_key] or None

    def get_column_names(
        self, table: str, schema: str | None = None, predicate: Callable[[Any], bool] = lambda _: True
    ) -> list[str] | None:
        """Return the columns that a row may give; see :meth:`columns`.

        :param predicate: takes a dict with ``name``.
        """
        names = [column.name for column in self.columns(table, schema) if column.is_given]
        return [name for name in names if predicate({"name": name})]

    def given_types(self, table: str, target_fields: Sequence[str] | None) -> list[Any]:
        """Return the types of the columns that rows are for, None for one that is not known.

        :param target_fields: their names; None: all that a row may give.
        """
        columns = self.columns(table)
        if not target_fields:
            return [column.dtype for column in columns if column.is_given]
        types = {self.folded(column.name): column.dtype for column in columns}
        return [types.get(self.folded(self.column_name(name))) for name in target_fields]

    def folded(self, name: str) -> str:
        """Return a name as names are compared: where unquoted ones are folded, quotes make a difference."""
        return name if self.folds_names else name.lower()

    def generate_replace_sql(
        self, table: str, values: Sequence[Any], target_fields: Iterable[str] | None, **kwargs: Any
    ) -> str:
        """Return ``INSERT … ON CONFLICT (…) DO UPDATE``.

        :param table: perhaps with its schema, as SQL writes it.
        :param values: of a row.
        :param target_fields: columns; None takes all of the table.
        :param kwargs: ``replace_index``: the columns that tell rows apart, the primary key if not given;
            ``replace_target``: the columns that are updated, all others if not given, none if empty.
        :raises ValueError: the table has no primary key and ``replace_index`` is not given.
        """
        fields = list(target_fields or self.get_column_names(table) or ())
        given = kwargs.get("replace_index") or self.get_primary_keys(table)
        if not given:
            message = f"Rows of {table} cannot be replaced: it has no primary key. Say replace_index."
            raise ValueError(message)
        index = [given] if isinstance(given, str) else list(given)
        target = kwargs.get("replace_target")
        if target is None:
            known = {self.column_name(name) for name in index}
            target = [name for name in fields if self.column_name(name) not in known]
        updates = ", ".join(f"{name} = excluded.{name}" for name in map(self.escape_word, target))
        action = f"DO UPDATE SET {updates}" if updates else "DO NOTHING"
        conflict = ", ".join(map(self.escape_word, index))
        return f"{self.generate_insert_sql(table, values, fields)} ON CONFLICT ({conflict}) {action}"
