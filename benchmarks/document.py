"""docs/benchmarks.md in sections, each of which one script writes again; the others stay."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "benchmarks.md"


def put(title: str, text: str, document: Path = DOCUMENT) -> None:
    """Write a section in the place of the one of that title, or at the end.

    :param title: of the section, which begins with ``# title``.
    :param text: all that comes below the title.
    :param document: to write to.
    """
    before = document.read_text(encoding="utf-8") if document.exists() else ""
    sections = [part for part in re.split(r"^(?=# )", before, flags=re.MULTILINE) if part.strip()]
    written = f"# {title}\n\n{text.strip()}\n"
    places = [index for index, part in enumerate(sections) if part.partition("\n")[0] == f"# {title}"]
    if places:
        sections[places[0]] = written
    else:
        sections.append(written)
    document.write_text("\n".join(f"{part.strip()}\n" for part in sections), encoding="utf-8")
