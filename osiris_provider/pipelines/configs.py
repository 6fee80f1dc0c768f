"""The config of a step: its ``.sql`` files, its templates and parameters, and whether its driver takes it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osiris_provider.connections.reader import try_read_text
from osiris_provider.connections.reference import MAX_LOCATION, ConnectionRef, shown
from osiris_provider.drivers.base import BaseDriver, Driver
from osiris_provider.drivers.step import REFERENCE, RESOLVED
from osiris_provider.errors import ConnectionConfigError, DriverConfigError
from osiris_provider.pipelines.dialects import StepDraft
from osiris_provider.pipelines.file import MAX_CHARS, Source
from osiris_provider.pipelines.params import Param, placeholder_problem, placeholders, substitute
from osiris_provider.pipelines.problems import Location
from osiris_provider.pipelines.templates import has_template, template_problem


@dataclass(frozen=True)
class ReadConfig:
    """A config whose texts were looked at.

    :param value: with the texts of its ``.sql`` files.
    :param open: where in the config values are not known before the run.
    :param files: where in the config the text of which ``.sql`` file stands.
    """

    value: dict[str, Any]
    open: tuple[Location, ...]
    files: Mapping[Location, Path]


def read_config(draft: StepDraft, params: Mapping[str, Param], source: Source) -> ReadConfig:
    """Return the config of a step; what is wrong with its texts is added to the problems.

    :param draft: the step.
    :param params: of the pipeline.
    :param source: the file that it stands in.
    """
    reader = _ConfigReader(draft, params, source)
    value = reader.read(draft.config, ())
    return ReadConfig(value, tuple(reader.open), reader.files)


def check_config(
    driver: Driver, draft: StepDraft, config: ReadConfig, params: Mapping[str, Param], source: Source
) -> None:
    """Check a config against its driver's model; values that are not known yet are left to the run.

    :param driver: of the step.
    :param draft: the step.
    :param config: that was read.
    :param params: of the pipeline.
    :param source: takes what is wrong.
    """
    where = (*draft.location, "config")
    if RESOLVED in config.value:
        message = f"{RESOLVED} may not stand in config; write connection: '@family.alias'"
        source.problems.add((*where, RESOLVED), message, draft.id)
    _check_connection(driver, draft, config, source)
    if not isinstance(driver, BaseDriver):
        return
    defaults = _Defaults({name: param.default for name, param in params.items() if not param.required})
    for location, message in driver.config_problems(substitute(config.value, defaults)):
        if not any(_overlap(location, unknown) for unknown in config.open):
            source.problems.add((*where, *location), message, draft.id)


def _check_connection(driver: Driver, draft: StepDraft, config: ReadConfig, source: Source) -> None:
    where: Location = (*draft.location, "config", REFERENCE)
    family = driver.family if isinstance(driver, BaseDriver) else None
    reference = config.value.get(REFERENCE)
    if reference is None:
        if family is not None:
            message = f"driver {draft.driver} needs a connection: write connection: '@{family}.alias' in its config"
            source.problems.add(where, message, draft.id)
        return
    if any(_overlap((REFERENCE,), unknown) for unknown in config.open):
        return
    try:
        ref = ConnectionRef.parse(reference)
    except ConnectionConfigError as error:
        source.problems.add(where, f"config field connection: {error.message}", draft.id)
        return
    if family is not None and ref.family != family:
        message = f"driver {draft.driver} needs a {family} connection, not {reference}"
        source.problems.add(where, message, draft.id)


class _Defaults(dict[str, Any]):
    """The defaults of parameters; what has none stays as it is written: a value that is not known is a value."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"${{params.{name}}}"


def _overlap(one: tuple[str | int, ...], other: Location) -> bool:
    """Return whether one is within the other."""
    end = min(len(one), len(other))
    return end > 0 and one[:end] == other[:end]


class _ConfigReader:
    def __init__(self, draft: StepDraft, params: Mapping[str, Param], source: Source) -> None:
        self._draft = draft
        self._params = params
        self._source = source
        self.open: list[Location] = []
        self.files: dict[Location, Path] = {}

    def read(self, value: Any, location: Location) -> Any:
        if isinstance(value, dict):
            return {name: self.read(item, (*location, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self.read(item, (*location, index)) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        if value.endswith(".sql") and "\n" not in value and not has_template(value):
            return self._sql(value, location)
        self._check_text(value, location, None)
        return value

    def _check_text(self, text: str, location: Location, file: Path | None) -> None:
        for line, message in self._text_problems(text, location):
            where = (*self._draft.location, "config", *location)
            if file is None:
                at, field = self._source.line_of(where, line), ".".join(map(str, where))
                said = f"config field {_dotted(location)}: {message}"
                self._source.problems.add_at(self._source.path, at, said, self._draft.id, field)
            else:
                self._source.problems.add_at(file, line, message, self._draft.id)

    def _text_problems(self, text: str, location: Location) -> Iterator[tuple[int, str]]:
        # The first of each: a text may have the same one very often.
        first = {content: at for at, content in reversed(list(placeholders(text)))}
        for content, at in first.items():
            problem = placeholder_problem(content, self._params)
            if problem or self._params[content.partition(".")[2]].required:
                self.open.append(location)
            if problem:
                yield text.count("\n", 0, at) + 1, problem
        if has_template(text):
            self.open.append(location)
            problem_at = self._source.too_many_templates(text) or template_problem(text)
            if problem_at:
                yield problem_at

    def _sql(self, name: str, location: Location) -> str:
        """Return the text of a ``.sql`` file, the name if there is none."""
        folder = self._source.path.parent
        path = folder / name
        problem = _outside(path, folder)
        text = self._source.sql.get(path, "")
        if problem is None and not text:
            text, problem = try_read_text(path)
        if problem is None and len(text) > MAX_CHARS:
            problem = f"has more than {MAX_CHARS:,} characters"
        if problem:
            where = (*self._draft.location, "config", *location)
            message = f"config field {_dotted(location)}: {shown(name)} {problem}{_near_file(path)}"
            self._source.problems.add(where, message, self._draft.id)
            self.open.append(location)
            return name
        self._source.sql[path] = text
        self.files[location] = path
        self._check_text(text, location, path)
        return text


def _outside(path: Path, folder: Path) -> str | None:
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        return "is not a path"
    return None if inside else "lies outside of the pipeline's folder; .sql files lie beside the YAML, or below it"


def _near_file(path: Path) -> str:
    try:
        names = sorted(item.name for item in path.parent.glob("*.sql"))
    except (OSError, ValueError):
        names = []
    near = difflib.get_close_matches(path.name, names)
    return f". Did you mean '{shown(near[0])}'?" if near and near[0] != path.name else ""


def _dotted(location: Location) -> str:
    return shown(".".join(map(str, location)), MAX_LOCATION)


def find_driver(draft: StepDraft, key: str, source: Source) -> Driver | None:
    """Return the driver of a step, None if there is none; which is a problem.

    :param draft: the step.
    :param key: that names the driver.
    :param source: takes what is wrong.
    """
    from osiris_provider.drivers.registry import get_driver

    try:
        return get_driver(draft.driver)
    except DriverConfigError as error:
        problem = error.message
    except Exception as error:  # noqa: BLE001 - somebody else's module is imported here
        problem = f"driver {shown(draft.driver)} cannot be loaded: it fails with {type(error).__name__}"
    source.problems.add((*draft.location, key), problem, draft.id)
    return None
