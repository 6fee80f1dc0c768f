"""Which files of a folder are pipelines, where some of it cannot be looked at."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.errors import PipelineConfigError
from osiris_provider.pipelines.folder import find_pipelines

from tests.unit.pipeline_files import write_pipeline

Close = Callable[[Path], None]


@pytest.fixture
def close(monkeypatch: pytest.MonkeyPatch) -> Close:
    """Take all rights on a folder away: really, unless root runs the tests, who may read all."""
    scandir, stat = os.scandir, os.stat

    def close(folder: Path) -> None:
        def refuse(path: Any) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

        def listed(path: Any) -> Any:
            return refuse(path) if Path(path) == folder else scandir(path)

        def looked_at(path: Any, **options: Any) -> Any:
            return refuse(path) if folder in Path(path).parents else stat(path, **options)

        if os.geteuid() == 0:
            monkeypatch.setattr(os, "scandir", listed)
            monkeypatch.setattr(os, "stat", looked_at)
        else:
            folder.chmod(0)

    return close


def test_a_folder_within_that_cannot_be_read_hides_no_other(
    tmp_path: Path, close: Close, caplog: pytest.LogCaptureFixture
) -> None:
    closed = tmp_path / "lost+found"
    closed.mkdir()
    path = write_pipeline(tmp_path)
    close(closed)
    with caplog.at_level(logging.WARNING):
        assert find_pipelines(tmp_path) == [path]
    assert [
        f"{closed} is left out, as it cannot be read: Permission denied" in one.message for one in caplog.records
    ] == [True]
    caplog.clear()
    (tmp_path / ".airflowignore").write_text("lost+found\n")
    assert find_pipelines(tmp_path) == [path]
    assert caplog.records == []


def test_the_folder_itself_is_an_error(tmp_path: Path, close: Close) -> None:
    write_pipeline(tmp_path)
    close(tmp_path)
    with pytest.raises(PipelineConfigError, match=f"The folder {tmp_path} cannot be read: Permission denied"):
        find_pipelines(tmp_path)


def test_a_link_that_leads_to_itself_hides_no_pipeline(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    path = write_pipeline(tmp_path)
    assert find_pipelines(tmp_path) == [path]


@pytest.mark.parametrize(
    ("syntax", "invalid"), [("glob", line) for line in ("!", "\\", "[z-a]")] + [("regexp", "*_old"), ("regexp", "(")]
)
def test_an_invalid_line_of_an_ignore_file_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, syntax: str, invalid: str
) -> None:
    """Airflow does so with regular expressions; an invalid glob takes all DAGs of the folder with it there."""
    folder = tmp_path / "pipelines"
    folder.mkdir()
    path = write_pipeline(folder)
    write_pipeline(folder, name="draft.yaml")
    for directory in (tmp_path, folder):
        (directory / ".airflowignore").write_text(
            f"{invalid}\ndraft\n" if syntax == "regexp" else f"{invalid}\ndraft*\n"
        )
        with caplog.at_level(logging.WARNING):
            assert find_pipelines(folder, syntax, tmp_path) == [path]
        [message] = [one.message for one in caplog.records]
        assert message.startswith(f"Ignoring invalid pattern '{invalid}' in {directory / '.airflowignore'}: ")
        (directory / ".airflowignore").unlink()
        caplog.clear()


@pytest.mark.parametrize(
    ("syntax", "line", "name"),
    [
        ("glob", "old_*  # all of them", "old_orders.yaml"),
        ("regexp", "old_.*  # all of them", "old_orders.yaml"),
        ("glob", "drafts/#", "drafts/orders.yaml"),
        ("regexp", "drafts$", "drafts/orders.yaml"),
    ],
)
def test_an_ignore_file_is_read_as_airflow_reads_it(tmp_path: Path, syntax: str, line: str, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    write_pipeline((tmp_path / name).parent, name=Path(name).name)
    left = write_pipeline(tmp_path, name="other.yaml")
    (tmp_path / ".airflowignore").write_text(f"{line}\n")
    assert find_pipelines(tmp_path, syntax) == [left]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("^drafts/", ["shop/drafts/a.yaml", "shop/orders.yaml"]),
        ("^shop/drafts", ["shop/orders.yaml"]),
        ("^shop/drafts/a", ["shop/orders.yaml"]),
        ("shop/orders", ["shop/drafts/a.yaml"]),
        ("^orders", ["shop/drafts/a.yaml", "shop/orders.yaml"]),
    ],
)
@pytest.mark.parametrize("where", [".", "shop"])
def test_regular_expressions_are_compared_with_paths_from_the_folder_of_dags(
    tmp_path: Path, where: str, line: str, left: list[str]
) -> None:
    (tmp_path / "shop" / "drafts").mkdir(parents=True)
    write_pipeline(tmp_path / "shop" / "drafts", name="a.yaml")
    write_pipeline(tmp_path / "shop", name="orders.yaml")
    (tmp_path / where / ".airflowignore").write_text(f"{line}\n")
    expected = [tmp_path / path for path in left]
    assert find_pipelines(tmp_path / "shop", "regexp", tmp_path) == expected
    assert find_pipelines(tmp_path, "regexp") == expected


def test_an_ignore_file_that_cannot_be_read_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_pipeline(tmp_path)
    (tmp_path / ".airflowignore").write_bytes(b"caf\xe9*\n")
    with caplog.at_level(logging.WARNING):
        assert find_pipelines(tmp_path) == [path]
    [message] = [one.message for one in caplog.records]
    assert message.startswith(f"File {tmp_path / '.airflowignore'} leaves nothing out: it ")
