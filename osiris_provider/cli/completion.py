"""What a shell offers when somebody presses the tabulator. A file that cannot be read offers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    import click


def references(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the references of the connections file that begin like this.

    Bash takes ``@`` for the end of a word, so the rest of a reference is completed by itself there.
    """
    known = [f"@{family}.{alias}" for family, alias in _known(ctx)]
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


def _known(ctx: click.Context) -> list[tuple[str, str]]:
    from osiris_provider.connections.load import load_connections

    file: Any = ctx.params.get("file")
    try:
        return list(load_connections(file).entries)
    except Exception:  # noqa: BLE001 - whatever is wrong is reported when the command runs
        return []
