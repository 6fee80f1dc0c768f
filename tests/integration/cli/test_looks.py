"""How the command line looks: nothing is cut or broken, and a shell completes what the file has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from osiris_provider.cli import listing, tables
from osiris_provider.cli.commands import osiris
from osiris_provider.cli.main import main
from osiris_provider.connectors.faults import REFUSED
from osiris_provider.connectors.verdict import Verdict

from tests.integration.conftest import Run
from tests.unit.connection_files import write
from tests.unit.pipeline_files import ORDERS, write_pipeline

FILE = """\
version: 1
connections:
  mysql:
    default: {host: db.production.example.com, database: warehouse_of_the_shop, user: ann, password: x}
    archive: {host: archive.example.com, database: old, user: ann, password: x}
  duckdb:
    memory: {path: ":memory:"}
"""
COMMANDS = {
    "bash": ({"COMP_WORDS": "osiris connections doctor @mysql.d", "COMP_CWORD": "3"}, "plain,@mysql.default"),
    "zsh": ({"COMP_WORDS": "osiris connections doctor @mysql.d", "COMP_CWORD": "3"}, "plain\n@mysql.default\n_"),
    "fish": ({"COMP_WORDS": "osiris connections doctor", "COMP_CWORD": "@mysql.d"}, "plain,@mysql.default"),
}
VERDICTS = [
    Verdict.of(REFUSED, REFUSED.text("db.production.example.com:3306")).at("mysql", alias)
    for alias in ("default", "archive")
]
WIDTHS = (50, 60, 70, 80, 100, 120)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OSIRIS_HOME", str(tmp_path))
    return write(tmp_path, FILE)


@pytest.mark.parametrize("width", [50, 80])
def test_help_lines_are_whole(run: Run, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for words in ((), ("connections",), ("staging",), ("state",)):
        shown = run(*words, "--help")[1]
        assert "..." not in shown.partition("Commands:")[2], words
        group = osiris
        for word in words:
            group = group.commands[word]  # type: ignore[assignment] # a group of groups
        flowing = " ".join(shown.split())
        for command in group.commands.values():
            assert " ".join(command.get_short_help_str(10_000).split()) in flowing


def test_a_list_is_the_same_table_with_rich_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "width", lambda: listing.PIPE_WIDTH)
    listed: list[dict[str, object]] = [
        {"family": "mysql", "alias": "default", "host": "db.example.com", "default": True},
        {"family": "duckdb", "alias": "a_long_one", "path": "/data/\x1b[31ma [b] c.duckdb"},
    ]
    sources = ["file.yaml:4", "file.yaml:12"]
    assert listing.list_text(listed, sources) == tables.render(tables.list_table(listed, sources))
    wide = [{**listed[0], "host": "東京"}]
    assert listing.list_text(wide, sources[:1]) is None


@pytest.mark.parametrize("width", WIDTHS)
def test_no_word_of_a_table_is_broken(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(listing, "width", lambda: width)
    monkeypatch.chdir(file.parent)
    assert main(["connections", "list", "--file", str(file)]) == 0
    shown = capsys.readouterr().out + tables.render(tables.doctor_table(VERDICTS))
    monkeypatch.setattr(listing, "width", lambda: listing.PIPE_WIDTH)
    main(["connections", "list", "--file", str(file)])
    everything = capsys.readouterr().out + tables.render(tables.doctor_table(VERDICTS))
    known = {*everything.split(), "@mysql.default", "@mysql.archive", "@duckdb.memory", "default", "─" * 3}
    for word in shown.split():
        cut = word.endswith("…") and any(one.startswith(word[:-1]) for one in known)
        assert word in known or cut or re.fullmatch(r"[─\d.]+", word), word
    assert all(len(line) <= width for line in shown.splitlines())
    # From the working directory, as people would write it.
    assert "osiris_connections.yaml:4" in shown
    assert str(file.parent) not in shown.replace("…", "")


@pytest.mark.parametrize("words", [("doctor",), ("connections", "lst"), ("connections", "list", "--nope"), ("nope",)])
def test_errors_have_one_spelling(run: Run, words: tuple[str, ...]) -> None:
    code, _, said = run(*words)
    assert code == 2
    assert said.splitlines()[-1].startswith("error: ")
    assert "Error:" not in said


def test_a_command_of_another_group_is_named(run: Run) -> None:
    assert run("doctor")[2].endswith("Did you mean 'osiris connections doctor'?\n")


Complete = Callable[[str, dict[str, str]], str]


@pytest.fixture
def complete(file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Complete:  # noqa: ARG001 - has to be there
    """What a shell asks of the command while a person types; further below, shells ask it of a process."""

    def complete(shell: str, words: dict[str, str]) -> str:
        for name, value in {"_OSIRIS_COMPLETE": f"{shell}_complete", **words}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main([], prog="osiris")
        assert ended.value.code == 0
        return capfd.readouterr().out.strip()

    return complete


@pytest.mark.parametrize("shell", COMMANDS)
def test_references_are_completed(complete: Complete, shell: str) -> None:
    words, completed = COMMANDS[shell]
    assert complete(shell, words) == completed


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("--until b", "plain,by_country"),
        ("--given ", "plain,orders=\nplain,by_country=\nplain,store="),
        ("--param ", "plain,country=\nplain,least="),
        ("--param country=", "plain,country=CZ\nplain,country=SK"),
    ],
)
def test_steps_and_params_of_a_pipeline_are_completed(
    tmp_path: Path, complete: Complete, typed: str, words: str
) -> None:
    # What is wrong with one param hides no other.
    params = "params: {country: {default: CZ, enum: [CZ, SK]}, least: {default: 1, enum: 5}}\nowner: sales"
    path = write_pipeline(tmp_path, ORDERS.replace("owner: sales", params))
    line = f"osiris pipelines run {path} {typed}"
    assert complete("bash", {"COMP_WORDS": line, "COMP_CWORD": "5"}) == words
    broken = line.replace(str(path), "nothing.yaml")
    assert complete("bash", {"COMP_WORDS": broken, "COMP_CWORD": "5"}) == ""


def test_families_and_aliases_are_completed(complete: Complete) -> None:
    words = "osiris connections doctor --family "
    assert complete("bash", {"COMP_WORDS": words + "my", "COMP_CWORD": "4"}) == "plain,mysql"
    after_empty = words.replace("--family", "'' --family")
    assert complete("bash", {"COMP_WORDS": after_empty + "my", "COMP_CWORD": "5"}) == "plain,mysql"
    aliases = {"mysql": "plain,archive\nplain,default", "duckdb": "plain,memory"}
    for family, listed in aliases.items():
        typed = f"{words}{family} --alias "
        assert complete("bash", {"COMP_WORDS": typed, "COMP_CWORD": "6"}) == listed
    assert complete("bash", {"COMP_WORDS": words + "mysql --alias a", "COMP_CWORD": "6"}) == "plain,archive"
    unfiltered = "osiris connections doctor --alias "
    assert complete("bash", {"COMP_WORDS": unfiltered + "a", "COMP_CWORD": "4"}) == "plain,archive"


def shell(name: str) -> str:
    match = shutil.which(name)
    if match is None:
        pytest.fail(f"{name} was not found. Run scripts/test as root (it installs it), or apt-get install {name}.")
    return match


def said_by(command: list[str], file: Path) -> str:
    """Return what a shell says that finds the installed command, and none of the user's own settings."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OSIRIS_HOME": str(file.parent), "HOME": str(file.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def documented_line(name: str) -> str:
    """Return the line that the documentation has people put into the start file of their shell."""
    text = (Path(__file__).parents[3] / "docs/airflow.md").read_text()
    match = re.search(rf"^\| {name}[^|]*\|[^|]*\| `(.*)` \|$", text, re.MULTILINE)
    assert match is not None
    return match[1].replace(r"\|", "|")


TYPED = {
    "osiris connections doctor @mysql.d": "@mysql.default",
    "osiris connections doctor --family my": "mysql",
    "osiris connections doctor --family mysql --alias a": "archive",
}


@pytest.mark.parametrize("typed", TYPED)
def test_fish_completes_what_people_type(file: Path, typed: str) -> None:
    program = f'{documented_line("fish")}; complete -C "{typed}"'
    assert said_by([shell("fish"), "--no-config", "-c", program], file).strip() == TYPED[typed]


ZSH = """
zmodload zsh/zpty
zpty terminal "TERM=dumb zsh -f -i"
zpty -w terminal 'PS1=; autoload -Uz compinit; compinit -u -D'
zpty -w terminal "$1"
zpty -w terminal 'print_line() { print -r -- "<$BUFFER>"; BUFFER= }; zle -N print_line'
zpty -w terminal 'bindkey "^I" complete-word "^X" print_line'
zpty -w terminal 'print -r -- ready$((1 + 1))'
zpty -r -m terminal said "*ready2*"
zpty -w -n terminal "$2"$'\t\x18'
zpty -r -m terminal said "*<osiris *>*"
print -r -- "$said"
"""
"""A terminal in which zsh runs, gets a line and TAB typed, and shows what the line is then."""


@pytest.mark.parametrize("typed", TYPED)
def test_zsh_completes_what_people_type(file: Path, typed: str) -> None:
    said = said_by([shell("zsh"), "-f", "-c", ZSH, "zsh", documented_line("zsh"), typed], file)
    match = re.findall(r"<(osiris [^>]*)>", said)
    assert match[-1].rstrip() == f"{typed.rpartition(' ')[0]} {TYPED[typed]}"


def test_bash_completes_a_reference_as_people_type_it(file: Path) -> None:
    """Bash itself takes @ for the end of a word; its own variables say so here."""
    program = f"""
        {documented_line("bash")}
        COMP_WORDS=(osiris connections doctor @ mysql.d) COMP_CWORD=4
        _osiris_completion osiris
        echo "${{COMPREPLY[@]}}"
    """
    assert said_by([shell("bash"), "-c", program], file).strip() == "mysql.default"
