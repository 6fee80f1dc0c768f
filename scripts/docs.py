"""The generated part of README.md: a table a family of its fields and where an Airflow connection keeps them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from osiris_provider.connections.families import family_names
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import extra_key
from osiris_provider.connectors.model import FieldSpec

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN = "<!-- fields: written by scripts/docs -->"
END = "<!-- end of fields -->"


def tables() -> str:
    """Return the tables of all families of this package."""
    ours = [name for name in family_names() if type(get_connector(name)).__module__.startswith("osiris_provider.")]
    return "\n\n".join("\n".join(table(family)) for family in ours)


def table(family: str) -> Iterator[str]:
    """Yield the lines of a family's table.

    :param family: such as ``mysql``.
    """
    connector = get_connector(family)
    yield f"### {connector.label}: `{family}`, connection type `osiris_{family}`"
    yield ""
    yield "| field | default | Airflow form | meaning |"
    yield "|---|---|---|---|"
    for spec in connector.model.fields():
        yield f"| {names(spec)} | {default(spec)} | {form(spec)} | {spec.info.help.replace('|', '&#124;')} |"


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
    place = f"extra `{extra_key(spec)}`" if spec.info.airflow == "extra" else spec.info.airflow
    return f"{place}, secret" if spec.secret else place


def main() -> int:
    """Write the tables into README.md; with ``--check`` return 1 if that would change it."""
    before = README.read_text(encoding="utf-8")
    pattern = re.compile(f"(?<={re.escape(BEGIN)}\n).*(?={re.escape(END)})", re.DOTALL)
    after = pattern.sub(lambda _: f"\n{tables()}\n\n", before)
    if "--check" not in sys.argv:
        README.write_text(after, encoding="utf-8")
    elif before != after:
        sys.stderr.write("README.md does not say what the models say. Run scripts/docs.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
