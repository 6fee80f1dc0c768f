"""A pipeline's graph as text, and what Airflow's Docs tab shows."""

from __future__ import annotations

import json
import re

from osiris_provider.pipelines.pipeline import Pipeline, PipelineStep


def as_text(pipeline: Pipeline) -> str:
    """Return a line for each step: its driver, and what it waits for."""
    width = max(len(name) for name in pipeline.steps)
    return "\n".join(_line(step, width) for step in pipeline.steps.values())


def _line(step: PipelineStep, width: int) -> str:
    only_needed = [name for name in step.after if name not in step.inputs.values()]
    inputs = [
        of if name == of else f"{of} as {name}" for name, of in step.inputs.items() if not _is_alias(step, name, of)
    ]
    waits = ", ".join([*inputs, *(f"after {name}" for name in only_needed)])
    return f"{step.id:<{width}}  {step.driver}" + (f"  ← {waits}" if waits else "")


def _is_alias(step: PipelineStep, name: str, of: str) -> bool:
    """OML has several names for one input; the first is enough here."""
    return name != of and step.inputs.get(of) == of


def as_mermaid(pipeline: Pipeline) -> str:
    """Return the graph for Mermaid, which GitHub and others draw. Dotted edges carry no data."""
    lines = ["flowchart LR"]
    numbers = {name: f"s{number}" for number, name in enumerate(pipeline.steps)}
    lines += [f'    {numbers[step.id]}["{step.id}<br/>{step.driver}"]' for step in pipeline.steps.values()]
    for step in pipeline.steps.values():
        for of in step.after:
            arrow = "-->" if of in step.inputs.values() else "-.->"
            lines.append(f"    {numbers[of]} {arrow} {numbers[step.id]}")
    return "\n".join(lines)


def as_dot(pipeline: Pipeline) -> str:
    """Return the graph for Graphviz. Dashed edges carry no data."""
    lines = [f"digraph {json.dumps(pipeline.id)} {{", "    rankdir=LR;"]
    for step in pipeline.steps.values():
        lines.append(f"    {json.dumps(step.id)} [label={json.dumps(f'{step.id}: {step.driver}')}];")
        for of in step.after:
            style = "" if of in step.inputs.values() else " [style=dashed]"
            lines.append(f"    {json.dumps(of)} -> {json.dumps(step.id)}{style};")
    return "\n".join([*lines, "}"])


def docs(pipeline: Pipeline) -> str:
    """Return Markdown: what the pipeline says of itself, its graph and its YAML.

    The digest makes a new version of the DAG of each change, also of one that Airflow's serialization cuts away.
    """
    words = [pipeline.settings.doc, pipeline.settings.description]
    text = next((word for word in words if word), "")
    parts = [
        *([text] if text else []),
        f"Made of `{pipeline.path.name}` (sha256 `{pipeline.digest}`).",
        _fenced("", as_text(pipeline)),
        _fenced("yaml", pipeline.text),
    ]
    return "\n\n".join(parts)


def _fenced(language: str, text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
