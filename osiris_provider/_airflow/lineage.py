"""What a task read and wrote, as OpenLineage wants to know it. Nothing is done before its provider asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.registry import get_connector
from osiris_provider.drivers.base import BaseDriver, Writer
from osiris_provider.drivers.datasets import Dataset, of_uri, table_name
from osiris_provider.drivers.step import RESOLVED
from osiris_provider.errors import OsirisError
from osiris_provider.runtime.staging import StagedData, Staging

if TYPE_CHECKING:
    import pyarrow as pa
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset


@dataclass
class Lineage:
    """What is known when a task has ended.

    :param staging: where its inputs lie.
    :param outside: what its driver reads or writes; None if nothing is known.
    :param writes: whether the driver writes it.
    :param inputs: staged results that it has read.
    :param result: what the task returned.
    """

    staging: Staging
    outside: Dataset | None
    writes: bool
    inputs: list[StagedData]
    result: Mapping[str, Any]

    @classmethod
    def of(
        cls, staging: Staging, driver: Any, config: Mapping[str, Any], inputs: Iterable[Any], result: Mapping[str, Any]
    ) -> Lineage:
        """Return what is to be known of a task that has succeeded; it holds no secret.

        :param driver: of the task.
        :param config: of its step, with the resolved connection.
        :param inputs: what came through XCom.
        """
        outside = None
        # The task has done its work; what cannot be named is no reason to fail.
        with suppress(OsirisError, ValueError):
            outside = driver.dataset_of(config) if isinstance(driver, BaseDriver) else None
        connection = config.get(RESOLVED)
        if outside and connection:
            redact = get_connector(connection["family"]).model.redactor(connection)
            query = None if outside.query is None else redact(outside.query)
            outside = replace(outside, name=redact(outside.name), query=query)
        return cls(staging, outside, isinstance(driver, Writer), list(_staged(inputs)), result)

    def facets(self) -> OperatorLineage[Any, Any]:
        """Return datasets with the schema of their columns, and the query.

        :raises ImportError: OpenLineage's provider is not installed.
        """
        from airflow.providers.common.compat.openlineage.facet import SQLJobFacet
        from airflow.providers.openlineage.extractors import OperatorLineage

        output = StagedData.parse(self.result)
        inputs = [self._input(of_uri(one.uri), self._schema(one)) for one in self.inputs]
        outputs = [] if output is None else [self._output(of_uri(output.uri), self._schema(output), output.rows)]
        tables = list(_tables(self.outside))
        if self.writes:
            # A writer has one input.
            schema = self._schema(self.inputs[0]) if len(self.inputs) == 1 else None
            outputs += [self._output(one, schema, self.result.get("rows_written")) for one in tables]
        else:
            schema = self._schema(output) if output and len(tables) == 1 else None
            inputs += [self._input(one, schema) for one in tables]
        query = self.outside.query if self.outside else None
        job_facets = {} if query is None else {"sql": SQLJobFacet(query=query)}
        return OperatorLineage(inputs=inputs, outputs=outputs, job_facets=job_facets)

    def _schema(self, staged: StagedData) -> pa.Schema:
        with self.staging.read(staged)["data"] as reader:
            return reader.schema

    def _input(self, dataset: Dataset, schema: pa.Schema | None) -> InputDataset:
        from airflow.providers.common.compat.openlineage.facet import InputDataset

        return InputDataset(dataset.namespace, dataset.name, facets=_facets(schema))

    def _output(self, dataset: Dataset, schema: pa.Schema | None, rows: int | None) -> OutputDataset:
        from airflow.providers.common.compat.openlineage.facet import (
            OutputDataset,
            OutputStatisticsOutputDatasetFacet,
        )

        statistics: dict[str, Any] = {}
        if rows is not None:
            statistics["outputStatistics"] = OutputStatisticsOutputDatasetFacet(rowCount=rows)
        return OutputDataset(dataset.namespace, dataset.name, facets=_facets(schema), outputFacets=statistics)


def _tables(outside: Dataset | None) -> Iterator[Dataset]:
    if outside is None:
        return
    if outside.query is None:
        yield outside
        return
    from airflow.providers.openlineage.sqlparser import SQLParser

    dialect = outside.namespace.partition(":")[0]
    parsed = SQLParser(dialect=dialect).parse(outside.query)
    for table in parsed.in_tables if parsed else ():
        named = ".".join(part for part in (table.database, table.schema, table.name) if part)
        yield Dataset(outside.namespace, table_name(outside.within, named))


def _facets(schema: pa.Schema | None) -> dict[str, Any]:
    from airflow.providers.common.compat.openlineage.facet import SchemaDatasetFacet, SchemaDatasetFacetFields

    if schema is None:
        return {}
    fields = [SchemaDatasetFacetFields(name=column.name, type=str(column.type)) for column in schema]
    return {"schema": SchemaDatasetFacet(fields=fields)}


def _staged(values: Iterable[Any]) -> Iterator[StagedData]:
    """Yield the staged results among the inputs of a task, those of mapped tasks too."""
    for value in values:
        several = isinstance(value, Sequence) and not isinstance(value, str)
        for part in value if several else [value]:
            staged = StagedData.parse(part)
            if staged is not None:
                yield staged
