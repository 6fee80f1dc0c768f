"""What scripts/test-mutants does to the package: small changes, all of them valid Python that does something else."""

from __future__ import annotations

import ast
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import CoverageData

from tests.mutants.__main__ import (
    HARMLESS,
    Outcome,
    Sampled,
    accepted,
    check,
    has_types,
    last_test,
    put_to_test,
    sample,
)
from tests.mutants.mutate import mutants
from tests.mutants.noticing import HOOKS, OF_ALL, PACKAGE, STAGES, TYPES, noticing
from tests.mutants.record import ROOT, Record, make

FILES = sorted(PACKAGE.rglob("*.py"))


def changes(text: str) -> list[str]:
    return [mutant.change for mutant in mutants(text.encode())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b <= c", ["a < b <= c → (a <= b <= c)", "a < b <= c → (a < b < c)"]),
        ("a is None", ["a is None → (a is not None)"]),
        ("a in b", ["a in b → (a not in b)"]),
        ("a and b", ["a and b → (a or b)"]),
        ("x = not a", ["not a → (a)"]),
        ("a + b", ["a + b → (a - b)"]),
        ("x = 3", ["3 → (4)"]),
        ("x = 2.5", ["2.5 → (0.0)"]),
        ("x = 0.0", ["0.0 → (1.0)"]),
        ("x = True", ["True → (False)"]),
        ("x = 'slug'", ["'slug' → ('slugXX')"]),
        ("x = b'slug'", ["b'slug' → (b'slugXX')"]),
        ("x = f(a, b=c)", ["f(a, b=c) → (f(a))"]),
        ("f(a)", ["f(a) → pass"]),
        ("raise E", ["raise E → pass"]),
        ("a += b", ["a += b → a -= b"]),
        ("def f(): return a", ["return a → return None"]),
        ("def f() -> bool: return a", ["return a → return None"]),
        ("def f() -> bool: return False", ["False → (True)"]),
        ("def f() -> bool | str: return False", ["False → (True)", "return False → return None"]),
        ("while a: break", ["a → (not a)", "break → continue"]),
        ("x = [a for a in b if c]", ["c → (not c)"]),
        ("x = a if b == c else d", ["b == c → (b != c)"]),
    ],
)
def test_each_kind_of_change(text: str, expected: list[str]) -> None:
    assert sorted(changes(text)) == sorted(expected)


@pytest.mark.parametrize(
    "text",
    [
        '"""A docstring."""',
        "message = 'It failed, so there.'",
        "x = f'{a + 1} of {b}'",
        "def f(a: Literal['x'] = A) -> Literal['y']: pass",
        "__all__ = ['f']",
        "if TYPE_CHECKING: x = 1",
        "log.debug('a %s', 1 + 1)",
        "@cache(maxsize=3)\ndef f(): pass",
        "return_ = None",
        "a = time.monotonic() < b <= c",
        "def f(): return None",
        "x = zip(a, b, strict=True)",
    ],
)
def test_what_no_test_should_pin_stays(text: str) -> None:
    assert changes(text) == []


def test_a_change_replaces_its_place_and_nothing_else() -> None:
    source = "x = 'ž'; y = (a\n     < b)\n\n\nz = 5\n".encode()
    less, slug, number = sorted(mutants(source), key=lambda mutant: mutant.change)[::-1][:3]
    assert sorted((mutant.line, mutant.change) for mutant in (less, slug, number)) == [
        (1, "'ž' → ('žXX')"),
        (1, "a < b → (a <= b)"),
        (5, "5 → (6)"),
    ]
    [compared] = [mutant for mutant in mutants(source) if "<=" in mutant.new]
    assert compared.applied(source).decode() == "x = 'ž'; y = ((a <= b))\n\n\nz = 5\n"


@pytest.mark.parametrize("path", FILES[:: len(FILES) // 6], ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_all_changes_of_the_package_compile_and_change_something(path: Path) -> None:
    source = path.read_bytes()
    before = ast.dump(ast.parse(source))
    assert all(ast.dump(ast.parse(mutant.applied(source))) != before for mutant in mutants(source))


REFERENCE = "tests/unit/connections/test_reference.py"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    """What the tests of references run."""
    path = tmp_path_factory.mktemp("record") / "lines"
    make(path, [REFERENCE])
    record = Record.read(path)
    yield record
    record.data.close()


@pytest.fixture
def data() -> Iterator[CoverageData]:
    """What no test has run, so far."""
    data = CoverageData(no_disk=True)
    yield data
    # It is a database in memory, which stays open without.
    data.close(force=True)


def of(module: str, change: str) -> Sampled:
    """Return a change of a module."""
    path = PACKAGE / module
    return next(Sampled(path, each) for each in mutants(path.read_bytes()) if change in each.change)


def test_a_line_is_noticed_by_the_tests_that_run_it(record: Record) -> None:
    each = of("connections/reference.py", "return ")
    tests = [test for lot in noticing(record, each.module, each.mutant) for test in lot]
    assert {test for test in tests if "::" in test}
    assert {test.partition("::")[0] for test in tests if "::" in test} == {REFERENCE}
    # What it is about by its name, too: what is kept is run once.
    assert REFERENCE in tests


def test_what_runs_in_a_process_of_its_own_is_noticed_by_the_tests_of_who_starts_it(data: CoverageData) -> None:
    data.set_context(f"{REFERENCE}::test_it")
    data.add_lines({str(PACKAGE / "drivers/duckdb/query_check.py"): [30]})
    each = of("drivers/duckdb/query_child.py", "return ")
    assert [f"{REFERENCE}::test_it"] in noticing(Record(data, {}), each.module, each.mutant)


def test_a_constant_is_noticed_by_the_tests_of_its_module(data: CoverageData) -> None:
    empty = Record(data, {})
    each = of("net/throttle.py", "2 * ")
    assert "tests/unit/net/test_throttle.py" in noticing(empty, each.module, each.mutant)[0]


def test_what_is_soon_done_comes_first_and_what_takes_too_long_not_at_all(
    monkeypatch: pytest.MonkeyPatch, data: CoverageData
) -> None:
    monkeypatch.setattr("tests.mutants.noticing._about", lambda _: set())
    module = PACKAGE / "errors.py"
    each = of("errors.py", "return ")
    soon, late, never = f"{REFERENCE}::soon", f"{REFERENCE}::late", f"{REFERENCE}::never"
    for test in (soon, late, never, "tests/unit/test_mutants.py::test_this"):
        data.set_context(test)
        data.add_lines({str(module): [each.mutant.line]})
    record = Record(data, {soon: STAGES[0], late: STAGES[-1] - STAGES[0], never: STAGES[-1]})
    assert noticing(record, module, each.mutant) == [[soon], [late], OF_ALL]


def test_a_file_stands_for_its_tests(data: CoverageData) -> None:
    record = Record(data, {"tests/a.py::b": 2.5, "tests/a.py::c": 4, "tests/ab.py::b": 8})
    assert (record.cost("tests/a.py"), record.cost("tests/ab.py::b"), record.cost("tests/c.py")) == (6.5, 8, 1)


@pytest.mark.parametrize("exists", [True, False])
def test_connection_types_are_tested_where_their_providers_are(
    exists: bool, monkeypatch: pytest.MonkeyPatch, data: CoverageData, tmp_path: Path
) -> None:
    monkeypatch.setattr("tests.mutants.noticing.HOOKS_PYTHON", ROOT if exists else tmp_path / "python")
    monkeypatch.setattr("tests.mutants.__main__.HOOKS_PYTHON", ROOT if exists else tmp_path / "python")
    ssh = TYPES / "services/ssh.py"
    of_types = noticing(Record(data, {}), ssh, mutants(ssh.read_bytes())[0])
    assert ([HOOKS, "-k", "ssh or sftp"] in of_types) is exists
    assert bool(sample([ssh.relative_to(ROOT).as_posix()], 1, 1)) is exists


@pytest.mark.parametrize(
    ("output", "test"),
    [
        (
            "collected 9 items\n\ntests/a/b.py::test_c PASSED [ 5%]\ntests/a/b.py::test_d[x - y] ",
            "tests/a/b.py::test_d[x - y]",
        ),
        ("tests/a/b.py::test_c FAILED [100%]\n\n==== FAILURES ====\ntests/a/b.py::other \n", "tests/a/b.py::test_c"),
        (
            "tests/a/b.py::test_c PASSED [ 50%]\ntests/a/b.py::test_c ERROR    [ 50%]\n=== ERRORS ===",
            "tests/a/b.py::test_c",
        ),
        ("collected 0 items / 1 error\n\n==== ERRORS ====\nE   tests/a/b.py::no", ""),
        ("", ""),
    ],
)
def test_the_last_test_is_known_even_if_it_took_too_long(output: str, test: str) -> None:
    assert last_test(output) == test


@pytest.mark.parametrize(("again", "doubt"), [(Outcome(), False), (Outcome("a", "a"), True)])
def test_what_fails_without_the_change_too_shows_nothing(
    again: Outcome, doubt: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran, answers = [], iter([Outcome(), Outcome("a", "a"), again])
    [each] = sample(["osiris_provider/errors.py"], 1, 1)
    module = tmp_path / "osiris_provider/errors.py"
    module.parent.mkdir()
    module.write_bytes(each.module.read_bytes())

    def run(copy: Path, tests: list[str]) -> Outcome:
        ran.append((tests, (copy / "osiris_provider/errors.py").read_bytes() != each.module.read_bytes()))
        return next(answers)

    monkeypatch.setattr("tests.mutants.__main__.run_tests", run)
    assert bool(put_to_test(each, [["first"], ["second"], ["third"]], tmp_path).doubt) is doubt
    assert ran == [(["first"], True), (["second"], True), (["a"], False)]


@pytest.mark.parametrize(("body", "failed"), [("pass", ""), ("assert given == was", "tests/test_it.py::test_it")])
def test_a_test_is_the_same_if_the_change_is_in_its_name(body: str, failed: str, tmp_path: Path) -> None:
    [each] = sample(["osiris_provider/errors.py"], 1, 1)
    module = tmp_path / "osiris_provider/errors.py"
    module.parent.mkdir()
    module.write_bytes(each.module.read_bytes())
    (tmp_path / "pytest.ini").touch()
    was = zlib.crc32(module.read_bytes())
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_it.py").write_text(
        f"""
import pathlib, pytest, zlib
was = {was}
now = zlib.crc32(pathlib.Path({str(module)!r}).read_bytes())

@pytest.mark.parametrize("given", [now])
def test_it(given):
    {body}
"""
    )
    actual = put_to_test(each, [[f"tests/test_it.py::test_it[{was}]"]], tmp_path)
    assert (actual.failed.partition("[")[0], actual.doubt) == (failed, "")


def test_a_test_that_pytest_does_not_know_shows_nothing(tmp_path: Path) -> None:
    [each] = sample(["osiris_provider/errors.py"], 1, 1)
    module = tmp_path / "osiris_provider/errors.py"
    module.parent.mkdir()
    module.write_bytes(each.module.read_bytes())
    (tmp_path / "pytest.ini").touch()
    assert put_to_test(each, [["tests/no.py::test_it"]], tmp_path).doubt


def test_a_sample_is_the_same_for_a_seed_and_has_nothing_harmless() -> None:
    modules = ["osiris_provider/net", "osiris_provider/errors.py"]
    assert sample(modules, 20, 1) == sample(modules, 20, 1) != sample(modules, 20, 2)
    # What is written elsewhere leaves it as it is.
    more = sample([*modules, "osiris_provider/storage"], 30, 1)
    assert {each for each in more if "storage" not in each.name} <= set(sample(modules, 30, 1))
    assert len(sample(modules, 10**6, 1)) == len(set(sample(modules, 10**6, 2)))
    known = {line.rpartition(" | ")[0] for line in HARMLESS.read_text().splitlines() if not line.startswith("#")}
    sampled = sample(sorted({name.partition(" | ")[0] for name in known}), 10**6, 1)
    assert sampled
    assert not known & {each.name for each in sampled}


def test_what_the_type_check_refuses_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    refused, other = sample(["osiris_provider/errors.py"], 2, 1)
    changed = refused.mutant.applied(refused.module.read_bytes())
    monkeypatch.setattr("tests.mutants.__main__.MYPY_CACHE", "there is none")
    monkeypatch.setattr(
        "tests.mutants.__main__.has_types", lambda copy: (copy / "osiris_provider/errors.py").read_bytes() != changed
    )
    assert accepted([refused, other], 1) == [other]
    monkeypatch.setattr("tests.mutants.__main__.has_types", lambda _: False)
    with pytest.raises(RuntimeError, match="without any change"):
        accepted([refused], 1)


@pytest.mark.parametrize(("value", "passes"), [("1", True), ("'1'", False)])
def test_the_type_check_is_that_of_the_copy(value: str, passes: bool, tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text("[mypy]\nfiles = module.py\n")
    (tmp_path / "module.py").write_text(f"number: int = {value}\n")
    assert has_types(tmp_path) is passes


def test_harmless_changes_are_changes_of_the_package_with_a_reason() -> None:
    for line in HARMLESS.read_text().splitlines():
        if not line.startswith("#"):
            name, _, reason = line.rpartition(" | ")
            module = ROOT / name.partition(" | ")[0]
            named = [each for each in mutants(module.read_bytes()) if Sampled(module, each).name == name]
            # Of two places with the same change only one may be harmless.
            assert len({each.line for each in named}) == 1, line
            assert reason


@pytest.mark.parametrize(
    ("second", "alive", "words"),
    [
        (Outcome("a", "a"), False, ["DOUBTFUL", "SURVIVED", "noticed"]),
        (Outcome("a", "a", doubt="slow"), True, ["DOUBTFUL", "SURVIVED", "DOUBTFUL"]),
        (Outcome(), True, ["DOUBTFUL", "SURVIVED", "SURVIVED"]),
    ],
)
def test_what_is_doubtful_is_tried_again_at_the_end(
    second: Outcome,
    alive: bool,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    doubtful, other = sample(["osiris_provider/errors.py"], 2, 1)
    outcomes = {doubtful: [Outcome("a", "a", doubt="slow"), second], other: [Outcome()]}
    monkeypatch.setattr("tests.mutants.__main__.put_to_test", lambda each, *_: outcomes[each].pop(0))
    assert check([doubtful, other], {doubtful: [], other: []}, 1) == ([doubtful, other] if alive else [other])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == words


def test_what_tests_notice_and_what_they_do_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sampled = sample(["osiris_provider/connections/reference.py", "osiris_provider/drivers/sql/ledger.py"], 10**6, 1)
    family = next(each for each in sampled if each.mutant.new == "return None")
    # Of this module these tests know nothing.
    unseen = next(each for each in sampled if each.module.name == "ledger.py")
    assert check([family, unseen], {family: [[REFERENCE]], unseen: [[REFERENCE]]}, 1) == [unseen]
    noticed, survived = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"noticed +\d+ s osiris_provider/\S+:\d+: .* → .*  \[tests/unit/connections/test_reference\S+\]", noticed
    )
    assert survived.startswith("SURVIVED")
    assert str(unseen) in survived
