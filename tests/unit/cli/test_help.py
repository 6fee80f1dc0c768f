"""Every command and option says what it is for, and what an option takes."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from osiris_provider.cli.commands import osiris
from osiris_provider.cli.main import main


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for below in command.list_commands(context):
            inner = command.get_command(context, below)
            assert inner is not None
            yield from commands(inner, f"{name} {below}")


COMMANDS = dict(commands(osiris, "osiris"))
OPTIONS = {
    f"{name} {param.opts[0]}": param
    for name, command in COMMANDS.items()
    for param in command.params
    if isinstance(param, click.Option) and not param.hidden
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_is_for(name: str) -> None:
    assert COMMANDS[name].get_short_help_str(1000).endswith((".", "?"))


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_says_what_it_is_for_and_takes(name: str) -> None:
    option = OPTIONS[name]
    assert option.help
    metavar = option.make_metavar(click.Context(COMMANDS[name.rpartition(" ")[0]]))
    assert option.is_flag or metavar not in ("TEXT", "FILENAME", "FLOAT", "INTEGER"), "click's own word says nothing"


@pytest.mark.parametrize("name", [name for name in OPTIONS if name.endswith(" --json")])
def test_json_is_a_switch(name: str) -> None:
    assert OPTIONS[name].is_flag
    assert OPTIONS[name].name == "as_json"


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if isinstance(command, click.Group)])
def test_a_group_without_a_command_shows_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = name.split()[1:]
    assert main([*arguments, "--help"]) == 0
    shown = capsys.readouterr().out
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", shown)


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if not option.is_flag])
def test_an_option_with_an_empty_value_is_not_one_that_is_not_given(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    *command, option = name.split()[1:]
    for words in ([option, ""], [f"{option}="]):
        assert main([*command, *words]) == 2
        assert f"error: An argument is empty, behind {words[0]};" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if not option.is_flag])
def test_of_two_values_none_is_taken(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, _, option = name.rpartition(" ")
    values = {"--at": "2026-01-31", "--format": "text", "--given": "x=1", "--older-than": "7d", "--param": "x=1"}
    words = command.split()[1:]
    for param in COMMANDS[command].params:
        if param.required:
            words += ["x"] if isinstance(param, click.Argument) else [param.opts[0], values[param.opts[0]]]
    value = values.get(option, "1")
    words += [] if option in words else [option, value]
    assert main([*words, option, value]) == 2
    assert capsys.readouterr().err.endswith("is given more than once; keep one.\n")
    assert main([*words, option, value, "--help"]) == 0


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if not isinstance(command, click.Group)])
def test_an_empty_argument_is_none(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split()[1:], "", "--json"]) == 2
    assert "error: An argument is empty; is a variable of the shell not set?" in capsys.readouterr().err


def test_what_is_written_before_an_empty_argument_shows_no_login(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["staging", "gc", "--url", "s3://ann:canary@bucket", "", "--param=a="]) == 2
    assert "is empty, behind s3://***@bucket;" in capsys.readouterr().err


def word(param: click.Parameter) -> str:
    """Return a parameter in one word: ``--name``, ``--name!`` of a switch, ``--name*`` of one that may stand often."""
    if isinstance(param, click.Argument):
        return f"{param.name}{'*' if param.nargs == -1 else ''}"
    assert isinstance(param, click.Option)
    limits = (param.type.min, param.type.max) if isinstance(param.type, click.IntRange) else ()
    choices = param.type.choices if isinstance(param.type, click.Choice) else limits
    default = "" if param.is_flag or not isinstance(param.default, int | float | str) else f"={param.default}"
    sign = "!" if param.is_flag else "*" if param.multiple else "+" if param.required else ""
    return "".join(["/".join(param.opts), sign, *(f":{choice}" for choice in choices), default])


WORDS = {
    "connections doctor": (
        "references* --family --alias --timeout=2.0 --workers:1:1024=64 --warn-days:0:None=14 --force! --file --json!"
    ),
    "connections list": "--airflow! --file --json!",
    "connections schema": "",
    "connections unchecked": "--json!",
    "connections validate": "--no-variables! --file --json!",
    "health": "--url --ca-bundle --unhealthy! --json!",
    "pipelines graph": "path --format:text:mermaid:dot=text",
    "pipelines init": "folder",
    "pipelines run": "path --param* --until --given* --at --no-write! --state --file --json!",
    "pipelines schema": "",
    "pipelines validate": "paths* --no-connections! --file --json!",
    "staging gc": "--older-than+ --dry-run! --url --json!",
    "state list": "--dag --url --json!",
    "state reset": "dag task --run --map-index:-1:None --url --json!",
    "state show": "dag task --map-index:-1:None --url --json!",
}
"""What people and scripts have learned to write after each command."""


def test_the_words_of_a_command() -> None:
    ours = {name.removeprefix("osiris "): one for name, one in COMMANDS.items() if not isinstance(one, click.Group)}
    assert {name: " ".join(map(word, command.params)) for name, command in ours.items()} == WORDS
