"""What a shell offers when somebody presses the tabulator. A file that cannot be read offers nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

from osiris_provider.connections.reference import reference_to

if TYPE_CHECKING:
    import click

    from osiris_provider.pipelines.pipeline import Pipeline


def references(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the references of the connections file that begin like this.

    Bash takes ``@`` for the end of a word, so the rest of a reference is completed by itself there.
    """
    known = [reference_to(family, alias) for family, alias in _known(ctx)]
    words = known if not incomplete or incomplete.startswith("@") else [one.removeprefix("@") for one in known]
    return [CompletionItem(one) for one in words if one.startswith(incomplete)]


def families(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the families of the connections file that begin like this."""
    return [CompletionItem(name) for name in sorted({name for name, _ in _known(ctx)}) if name.startswith(incomplete)]


def aliases(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the aliases of the family that was given, or of all, that begin like this."""
    wanted = ctx.params.get("family")
    known = {alias for family, alias in _known(ctx) if wanted in (None, family)}
    return [CompletionItem(name) for name in sorted(known) if name.startswith(incomplete)]


def steps(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the steps of the pipeline that begin like this."""
    pipeline = _pipeline(ctx)
    return [CompletionItem(name) for name in pipeline.steps if name.startswith(incomplete)] if pipeline else []


def files_of_steps(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the same, for a file to be written behind them."""
    return [CompletionItem(f"{item.value}=") for item in steps(ctx, parameter, incomplete)]


def params(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the parameters of the pipeline that begin like this; behind ``=`` the values that one may have."""
    pipeline = _pipeline(ctx)
    known = pipeline.params if pipeline else {}
    values = [f"{name}={value}" for name, param in known.items() for value in param.schema.get("enum", [])]
    words = values if "=" in incomplete else [f"{name}=" for name in known]
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _pipeline(ctx: click.Context) -> Pipeline | None:
    from osiris_provider.pipelines.pipeline import check_pipeline

    # An option without its value keeps click from taking what is before it for an argument.
    words = [ctx.params.get("path"), *ctx.args]
    path = next((word for word in words if word is not None), None)
    return None if path is None else check_pipeline(Path(path))[0]


def _known(ctx: click.Context) -> list[tuple[str, str]]:
    from osiris_provider.connections.load import load_connections

    file: Any = ctx.params.get("file")
    try:
        return list(load_connections(file).entries)
    except Exception:  # noqa: BLE001 - whatever is wrong is reported when the command runs
        return []
