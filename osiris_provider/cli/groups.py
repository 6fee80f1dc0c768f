"""Groups of commands, and the options that most commands have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

import click

from osiris_provider.cli.output import write
from osiris_provider.connections.reference import shown

_EMPTY = re.compile(r"(--[a-z-]+=)?")
UNCUT = 10_000
"""Letters of a command's help; click cuts it at 45."""

file_option = click.option("--file", metavar="PATH", help="The connections file. Default: the standard locations.")
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, and nothing but JSON, to stdout.")


class Command(click.Command):
    """A command whose help is written as results are: click would call a full disk or a pager that has ended a bug."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse an argument that is empty, as a variable that is not set makes it: the default would be taken; and an
        option with two values, of which the last would be.
        """
        at = next((at for at, word in enumerate(args) if _EMPTY.fullmatch(word)), None)
        if at is not None and not isinstance(self, click.Group) and not ctx.resilient_parsing:
            before = args[at] or "".join(args[:at][-1:])
            where = f", behind {shown(before)}" if before else ""
            message = f"An argument is empty{where}; is a variable of the shell not set?"
            raise click.UsageError(message, ctx=ctx)
        written = list(args)
        rest = super().parse_args(ctx, args)
        duplicate = None if ctx.resilient_parsing else self._duplicate_option(ctx, written)
        if duplicate is not None:
            message = f"Option {duplicate.opts[0]} is given more than once; keep one."
            raise click.UsageError(message, ctx=ctx)
        return rest

    def _duplicate_option(self, ctx: click.Context, args: list[str]) -> click.Option | None:
        """Return the first option that takes one value and is given more."""
        given = self.make_parser(ctx).parse_args(args)[2]
        single = [option for option in given if isinstance(option, click.Option) and not option.is_flag]
        return next((one for one in single if not one.multiple and single.count(one) > 1), None)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option that shows help."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option


def _show_help(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        write(ctx.get_help())
        ctx.exit()


class Group(Command, click.Group):
    """A group whose list of commands has whole lines."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help of a group that is called without a command; click 8.2 has it as the text of an error."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(click.UsageError.exit_code)
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands; click would cut what does not fit into one line."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(UNCUT)) for name, command in commands if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; one of another group is named in the error."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            problem = error
        known = dict(_paths(ctx.find_root().command, ctx.find_root().command_path))
        near = get_close_matches(args[0], known, cutoff=0.8)
        if near and near[0] not in self.commands:
            message = f"No such command {args[0]!r}. Did you mean {known[near[0]]!r}?"
            problem = click.UsageError(message, ctx=ctx)
        raise problem


def _paths(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each command below a group, and all the words that run it."""
    for name, inner in command.commands.items() if isinstance(command, click.Group) else ():
        yield name, f"{path} {name}"
        yield from _paths(inner, f"{path} {name}")
