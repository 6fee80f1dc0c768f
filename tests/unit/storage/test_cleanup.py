"""The age of files in stores of other kinds, each of which says it by a name and in a form of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from osiris_provider.runtime.cleanup import OldFile, remove_old

RESULT = "dag/run/task/0/1/data.parquet"
LIMIT = timedelta(days=1)
UTC = timezone.utc
FORMS: dict[str, Callable[[datetime], Any]] = {
    "with a zone": lambda moment: moment,
    "without": lambda moment: moment.replace(tzinfo=None),
    "text": lambda moment: moment.isoformat().replace("+00:00", "Z"),
    "seconds": lambda moment: moment.timestamp(),
}


class Store:
    """A store with two files, whose listings have what a test says."""

    protocol = "other"

    def __init__(self, details: dict[str, Any]) -> None:
        self.files = [f"area/{RESULT}", "area/notes/of/others.txt"]
        self._details = details

    def invalidate_cache(self) -> None:
        """There is none."""

    def ls(self, path: str, detail: bool) -> list[dict[str, str]]:
        assert (path, detail) == ("area", True)
        names = {name.split("/")[1] for name in self.files}
        return [{"name": f"area/{name}", "type": "directory"} for name in sorted(names)]

    def find(self, path: str, detail: bool) -> dict[str, dict[str, Any]]:
        assert detail
        return {name: {"size": 4, **self._details} for name in self.files if name.startswith(f"{path}/")}

    def rm_file(self, path: str) -> None:
        self.files.remove(path)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("name", ["LastModified", "last_modified", "mtime", "updated", "created"])
def test_age_decides_by_whatever_name(name: str, form: Callable[[datetime], Any]) -> None:
    now = datetime.now(UTC)
    old, young = now - LIMIT - timedelta(minutes=1), now - LIMIT + timedelta(minutes=1)
    store = Store({name: form(young)})
    assert list(remove_old(store, "area", "other://area", LIMIT)) == []
    store = Store({name: form(old)})
    assert list(remove_old(store, "area", "other://area", LIMIT)) == [OldFile(RESULT, 4, old)]
    assert store.files == ["area/notes/of/others.txt"]


def test_files_of_unknown_age_stay_and_are_told() -> None:
    store = Store({"modificationTime": 0, "mtime": None})
    [old] = remove_old(store, "area", "other://area", LIMIT)
    assert (old.path, old.bytes) == (RESULT, 0)
    assert old.problem.startswith(f"The age of other://area/{RESULT} is not known")
    assert len(store.files) == 2
