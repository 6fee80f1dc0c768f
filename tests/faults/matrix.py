"""All scenarios of all families, and the page that shows what doctor says of them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from tests.faults.scenario import TIMEOUT, Finding

FAMILIES = ("mysql", "real_mysql", "postgres", "supabase", "shopify", "api", "duckdb")
PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"


def module_of(family: str) -> ModuleType:
    """Return the module that has the family's ``world`` and ``SCENARIOS``."""
    return import_module(f"tests.faults.{family}")


def find_all(family: str) -> Iterator[Finding]:
    """Make every fault of a family and yield what doctor says."""
    module = module_of(family)
    with tempfile.TemporaryDirectory() as directory:
        # The servers' users read the certificates.
        Path(directory).chmod(0o755)
        with module.world(Path(directory)) as world:
            for scenario in module.SCENARIOS:
                yield scenario.run(world)


def row(finding: Finding) -> str:
    """Return the line of the page for a finding, without the time, which is never twice the same."""
    message = re.sub(r":\d{4,5}\b", ":PORT", finding.verdict["message"])
    message = re.sub(r"/\S*/([\w:]*\.?\w*)(?=[ .])", r"PATH/\1", message) if finding.family == "duckdb" else message
    retry = {True: "helps", False: "no", None: ""}[finding.verdict["details"].get("retryable")]
    return f"| {finding.name} | {finding.verdict['category']} | `{finding.fault}` | {retry} | {message}"


def table(family: str, findings: Sequence[Finding]) -> str:
    """Return the section of a family."""
    lines = [
        f"### {family}",
        "",
        "| fault | category | slug | retry | message | seconds |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"{row(finding)} | {finding.seconds:.2f} |" for finding in findings]
    return "\n".join(lines)


def write_page() -> None:
    """Make every fault of every family and write the page's matrix again."""
    sections = [table(family, list(find_all(family))) for family in FAMILIES]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    asked = f"Asked with a timeout of {TIMEOUT:g} s."
    PAGE.write_text(before + "\n\n".join([BEGIN, asked, *sections, END]) + after)


def written_rows(family: str) -> set[str]:
    """Return the family's lines of the page as it is checked in, without their times."""
    section = PAGE.read_text().partition(f"\n### {family}\n")[2].partition("\n### ")[0]
    return {line.rpartition(" | ")[0] for line in section.splitlines() if line.startswith("| ")}
