"""The reference of what users import: docs/reference.md, made of docstrings and of each module's ``__all__``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

from osiris_provider.errors import CATEGORIES, Fault
from osiris_provider.provider_info import get_provider_info

HEAD = """# Reference

<!-- all of it: written by scripts/docs from the docstrings -->

The names on this page are public; others may change in any release. First what DAG files and `airflow.cfg` name, then
[the library](#library), module by module. Each class takes the parameters of its base class too, such as `task_id`,
`retries` and `execution_timeout` of an operator. *Templated* parameters are rendered with Jinja when the task runs.
"""
LIBRARY = (
    "osiris_provider",
    "osiris_provider.airflow_dags",
    "osiris_provider.connections",
    "osiris_provider.connectors",
    "osiris_provider.drivers",
    "osiris_provider.errors",
    "osiris_provider.hooks.base",
    "osiris_provider.hooks.dbapi",
    "osiris_provider.messages",
    "osiris_provider.net",
    "osiris_provider.pipelines",
    "osiris_provider.provider_info",
    "osiris_provider.testing",
)
"""The modules that scripts, and families of third parties, import."""
ELSEWHERE = ("load_dags", "run_pipeline")
"""Functions that have a section above."""
KINDS = {"operators": "Operators", "sensors": "Sensors", "triggers": "Triggers"}


def reference() -> str:
    """Return the whole page."""
    sections = [HEAD]
    for kind, title in KINDS.items():
        modules = [name for entry in INFO[kind] for name in entry["python-modules"]]
        sections += [f"## {title}\n", *(section(cls) for name in modules for cls in classes_of(name))]
    sections += ["## Hooks\n", *(section(named(entry["hook-class-name"])) for entry in INFO["connection-types"])]
    sections += ["## Secrets backend\n", *(section(named(path)) for path in INFO["secrets-backends"])]
    sections += ["## Retry policy\n", section(named("osiris_provider.retry_policy.OsirisRetryPolicy"))]
    pipelines = ("load_dags", "OsirisDag", "OsirisTaskGroup")
    sections += ["## Pipelines\n", *(section(named(f"osiris_provider.airflow_dags.{name}")) for name in pipelines)]
    sections += [section(named("osiris_provider.run_pipeline"))]
    sections += ["## Library\n", *(exports(module) for module in LIBRARY)]
    return "\n".join(sections)


INFO: dict[str, Any] = get_provider_info()


def named(path: str) -> Any:
    """Return the class or function at a dotted path."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def classes_of(module: str) -> Iterator[type[Any]]:
    """Yield the public classes that a module defines."""
    for name, value in vars(import_module(module)).items():
        if isinstance(value, type) and value.__module__ == module and not name.startswith("_"):
            yield value


def exports(name: str) -> str:
    """Return the section of a module: each public name, and the first sentence on it.

    :param name: of the module.
    """
    module = import_module(name)
    rows = [f"| `{exported}` | {_sentence(getattr(module, exported))} |" for exported in module.__all__]
    text = _inline((inspect.getdoc(module) or "").partition("\n\n")[0])
    lines = [f"### `{name}`\n", f"{text}\n", "| name | what it is |\n|---|---|", *rows, ""]
    public = [getattr(module, exported) for exported in module.__all__]
    own = [
        value
        for value in public
        if inspect.isroutine(value)
        and _home(value) == name
        and value.__name__ not in ELSEWHERE
        and _fields(r"param (\w+)", value)
    ]
    return "\n".join([*lines, *(section(function, "####") for function in own)])


def _home(function: Any) -> str:
    """Return the first module of the library that exports a function."""
    return next(name for name in LIBRARY if function.__name__ in import_module(name).__all__)


def _doc(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def _sentence(value: Any) -> str:
    if isinstance(value, Fault):
        return f"Fault `{value.slug}` of category {value.category}."
    if isinstance(value, str):
        return "The version."
    if not inspect.isclass(value) and not inspect.isroutine(value):
        return f"One of {', '.join(f'`{item}`' for item in CATEGORIES)}."
    paragraph = _doc(value).partition("\n\n")[0]
    return _inline(" ".join(paragraph.split())).replace("|", "&#124;")


def section(thing: Any, level: str = "###") -> str:
    """Return the section of a class or function: how it is imported, what it does, its parameters, and what it raises.

    :param thing: the class or function.
    :param level: of the heading.
    """
    text, _, _ = _doc(thing).partition("\n:param")
    parameters = list(_parameters(thing))
    module = _home(thing) if inspect.isroutine(thing) else thing.__module__
    example = f"```python\nfrom {module} import {thing.__name__}\n```\n"
    lines = [f"{level} {thing.__name__}\n", example, _markdown(text)]
    if connection := getattr(thing, "conn_type", None):
        lines.append(f"Connection type `{connection}`, default connection `{thing.default_conn_name}`.\n")
    if parameters:
        lines += ["| parameter | default | meaning |\n|---|---|---|\n" + "\n".join(parameters) + "\n"]
    lines += [f"Returns {words[:1].lower() + words[1:]}\n" for _, words in _fields("return", thing)]
    if raised := [f"| `{name}` | {words} |" for name, words in _fields(r"raises (\w+)", thing)]:
        lines += ["| raises | when |\n|---|---|\n" + "\n".join(raised) + "\n"]
    return "\n".join(lines)


def _fields(name: str, thing: Any) -> list[tuple[str, str]]:
    """Return the fields of a docstring whose name fits a pattern: what its group is, and the words."""
    fields = [
        (match[1], _inline(" ".join(match["words"].split())).replace("|", "&#124;"))
        for match in re.finditer(rf"^:{name}: (?P<words>.*(?:\n    .*)*)", _doc(thing), re.MULTILINE)
    ]
    return [(named, words[:1].upper() + words[1:]) for named, words in fields]


def _parameters(thing: Any) -> Iterator[str]:
    signature = inspect.signature(_own_init(thing) if inspect.isclass(thing) else thing)
    templated = tuple(getattr(thing, "template_fields", ()))
    for name, meaning in _meanings(thing):
        known = signature.parameters.get(name)
        is_rest = known is not None and known.kind is inspect.Parameter.VAR_KEYWORD
        default = "" if known is None or is_rest else _default(known.default)
        words = meaning.replace(" (templated)", "").replace(" (templated; ", " (")
        words = f"{words} *Templated.*" if name in templated else words
        yield f"| `{'**' * is_rest}{name}` | {default} | {words} |"


def _own_init(cls: type[Any]) -> Any:
    """Return the ``__init__`` that is written down; Airflow wraps those of operators."""
    return inspect.unwrap(cls.__init__)


def _meanings(thing: Any) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for base in thing.__mro__ if inspect.isclass(thing) else (thing,):
        if not base.__module__.startswith("osiris_provider."):
            continue
        for name, words in _fields(r"param (\w+)", base):
            if name not in seen and name not in ("args", "kwargs"):
                seen.add(name)
                yield name, words


def _default(value: object) -> str:
    if value is inspect.Parameter.empty:
        return "**required**"
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    if inspect.isroutine(value):
        return f"`{value.__name__}`"
    return "" if value is None else f"`{value!r}`"


def _markdown(text: str) -> str:
    """Return the words of a docstring; what follows ``::`` is code."""
    text = re.sub(
        r"::\n\n((?:    .*\n?|\n(?=    ))+)",
        lambda match: ":\n\n```python\n" + inspect.cleandoc(match[1]) + "\n```\n",
        text,
    )
    return _inline(text).rstrip() + "\n"


def _inline(text: str) -> str:
    text = re.sub(r":\w+:`~?[\w.]*?(\w+)`", r"`\1`", text)
    return text.replace("``", "`") if "```" not in text else re.sub(r"(?<!`)``(?!`)", "`", text)
