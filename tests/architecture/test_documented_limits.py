"""Limits are those that the documents name: each of these sentences has its numbers from the code."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import pytest
from osiris_provider.connections import reader
from osiris_provider.connections.yaml import loader
from osiris_provider.connectors import check_many
from osiris_provider.connectors.airflow import connector as any_connection
from osiris_provider.connectors.http import base, json_text, session
from osiris_provider.drivers import data
from osiris_provider.drivers.filesystem import csv_records, csv_source
from osiris_provider.drivers.filesystem.config import CsvExtractorConfig
from osiris_provider.drivers.http import records, request
from osiris_provider.drivers.incremental import ordering, seen_rows
from osiris_provider.drivers.mysql import partitions
from osiris_provider.drivers.sql import ledger
from osiris_provider.net import deadline
from osiris_provider.pipelines import dialects, file, params
from osiris_provider.storage import files

from tests.architecture.source import ROOT

KIB: Final = 1024
MIB: Final = KIB * KIB
GIB: Final = KIB * MIB
MILLION: Final = 1_000_000
UNPACKED = CsvExtractorConfig.model_fields["max_unpacked_bytes"].default


def count(number: float, unit: float = 1) -> str:
    """Return how many of a unit a number is, as a document writes it; what is not a round number has all its digits."""
    amount = number / unit
    return f"{amount:,.0f}" if amount == int(amount) else repr(amount)


LIMITS = [
    ("connections", f"It has at most {count(reader.MAX_BYTES, MIB)} MiB and is UTF-8."),
    ("security", f"refused after {count(loader.MAX_ITEMS)} nodes or {count(loader.MAX_DEPTH)} levels"),
    ("security", f"the file has at most {count(reader.MAX_BYTES, MIB)} MiB"),
    ("pipelines", f"a pipeline has at most {count(dialects.MAX_STEPS)} steps, {count(params.MAX_PARAMS)} parameters,"),
    ("pipelines", f"{count(file.MAX_CHARS, KIB)} KiB of YAML, {count(file.MAX_CHARS, KIB)} KiB in each `.sql` file,"),
    ("pipelines", f"and {count(file.MAX_TEMPLATE_CHARS, KIB)} KiB of texts with Jinja."),
    ("apis", f"An answer has at most {count(base.MAX_PAGE, MIB)} MiB unpacked,"),
    ("apis", f"{count(json_text.MAX_VALUES, MILLION)} million values and"),
    ("apis", f"and {count(records.MAX_RECORDS, MILLION)} million records;"),
    ("apis", f"as long as `Retry-After` says, up to {count(request.MAX_WAIT, 60)} minutes and"),
    ("apis", f"and {count(request.THROTTLED_ATTEMPTS)} times for a page."),
    ("apis", f"the same scheme, host and port, {count(session.MAX_REDIRECTS)} at most."),
    ("doctor", f"A check takes at most {count(deadline.CHECK_BYTES, MIB)} MiB from its peer"),
    ("doctor", f"at most {count(check_many.MAX_WORKERS)} at a time (`max_workers`, `--workers`)"),
    ("doctor", f"# waits for up to {count(any_connection.PREPARE_SECONDS)} s"),
    ("reading", f"The first {count(csv_source.BLOCK_BYTES, MIB)} MiB show the types."),
    ("reading", f"a row may have {count(csv_records.MAX_ROW_BYTES, MIB)} MiB."),
    ("reading", f"lock is waited for {count(partitions.LOCK_SECONDS)} seconds at most."),
    ("security", f"at most `max_unpacked_bytes`, {count(UNPACKED, GIB)} GiB"),
    ("incremental", f"More than {count(seen_rows.MAX_SEEN)} rows at the cursor value"),
    ("incremental", f"{count(ordering.AHEAD_OF_UTC / timedelta(hours=1))} hours ahead of UTC are allowed"),
    (
        "staging",
        f"row groups of {count(data.BATCH_ROWS)} rows or of {count(data.GROUP_BYTES, MIB)} MiB if these come first",
    ),
    ("staging", f"Uploads go in parts of {count(files.PART_BYTES, MIB)} MiB;"),
    ("writing", f"loads that ended more than {count(ledger.KEPT_DAYS)} days ago are deleted"),
]


@pytest.mark.parametrize(("document", "sentence"), LIMITS)
def test_a_limit_that_a_document_names_is_kept(document: str, sentence: str) -> None:
    text = (ROOT / "docs" / f"{document}.md").read_text(encoding="utf-8")
    assert sentence in re.sub(r"\s+", " ", text)
