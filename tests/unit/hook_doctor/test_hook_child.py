"""What a check does with a hook, in its order, and what it answers; without Airflow and without a process."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import Connection
from osiris_provider.connectors.faults import REFUSED
from osiris_provider.connectors.sql.faults import WRONG_PASSWORD
from osiris_provider.hook_doctor import HookConnection, child
from osiris_provider.hook_doctor.base import HookType
from osiris_provider.hook_doctor.child import examine
from osiris_provider.hook_doctor.faults import NO_PROVIDER
from osiris_provider.hook_doctor.watch.catch import run_test
from osiris_provider.net.deadline import Deadline

CONNECTION = HookConnection("c", "bird", host="127.0.0.1", port=1, login="l", password="p")


class BirdError(Exception):
    """What the library of the hook raises."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Hook:
    """A hook that does what its connection says."""

    created: Mapping[str, Any]

    def __init__(self, **given: Any) -> None:
        type(self).created = given

    def test_connection(self) -> tuple[bool, str]:
        try:
            self.test()
        except Exception as error:  # noqa: BLE001 - as hooks do
            return False, str(error)
        return True, "fine"

    def test(self) -> None:
        """Do nothing."""


class BrokenHook(Hook):
    def test(self) -> None:
        raise BirdError(7)


class Untested:
    """A hook without a test."""

    def __init__(self, **given: Any) -> None:
        del given


Examine = Callable[..., tuple[dict[str, Any], list[HookConnection]]]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Return what a check answers that has a hook of this class, and whose connection hooks then find."""

    def answers(
        hook: type = Hook, connection: HookConnection = CONNECTION, **declared: Any
    ) -> tuple[dict[str, Any], list[HookConnection]]:
        actual: list[HookConnection] = []
        given = HookType(("bird",), "Bird", **{"codes": {"BirdError": {7: NO_PROVIDER}}, **declared})
        monkeypatch.setattr(child, "hook_type", lambda _: given)
        monkeypatch.setattr(child, "_hook_class", lambda _: (hook, "bird_conn_id"))
        monkeypatch.setattr(child, "_hand_over", actual.append)
        return next(examine(connection, Deadline(20))), actual

    return answers


@pytest.mark.parametrize(
    ("details", "proves", "shown"),
    [
        ({"version": 3}, True, {"version": 3}),
        (None, True, {}),
        ({}, False, {"proven": False}),
        ({"proven": True}, False, {"proven": True}),
        ({"at": Deadline}, True, {"at": str(Deadline)}),
    ],
)
def test_what_a_probe_returns_is_shown(details: Any, proves: bool, shown: dict[str, Any], answer: Examine) -> None:
    probed: list[Any] = []

    def probe(hook: Any) -> Any:
        probed.append(hook)
        return details

    said, actual = answer(probe=probe, proves_login=proves, hook_params={"retries": 1})
    assert (said, actual) == ({"details": shown}, [CONNECTION])
    assert isinstance(probed[0], Hook)
    assert Hook.created == {"bird_conn_id": "c", "retries": 1}


def test_hooks_find_the_connection_as_it_is_prepared(answer: Examine) -> None:
    prepared = replace(CONNECTION, extra={"retries": 0})
    said, actual = answer(prepare=lambda _: prepared)
    assert (said, actual) == ({"details": {}}, [prepared])


@pytest.mark.parametrize("error", [BirdError(7), KeyboardInterrupt(), SystemExit(1)])
def test_whatever_a_probe_raises_is_answered(error: BaseException, answer: Examine) -> None:
    def probe(_: Any) -> Any:
        raise error

    said, _ = answer(probe=probe)
    assert said == {
        "fault": "no_provider" if isinstance(error, BirdError) else "refused",
        "cause": type(error).__name__,
    }


def test_the_error_that_a_hooks_own_test_has_swallowed_is_told(answer: Examine) -> None:
    assert answer(BrokenHook)[0] == {"fault": "no_provider", "cause": "BirdError"}
    # Nobody knows why, and nothing listens there.
    assert answer(BrokenHook, codes={})[0] == {"fault": "refused", "cause": "BirdError"}


@pytest.mark.parametrize(
    ("hook", "declared"), [(Untested, {}), (Untested, {"is_safe": False}), (Hook, {"is_safe": False})]
)
def test_a_hook_without_a_test_that_is_safe_is_not_made(hook: type, declared: dict[str, Any], answer: Examine) -> None:
    said, actual = answer(hook, **declared)
    assert (said, actual) == ({"fault": "untestable"}, [])
    assert answer(hook, probe=lambda _: {}, **declared)[0] == {"details": {}}


def test_a_library_that_is_slow_to_give_up_is_asked_only_if_something_listens(answer: Examine) -> None:
    probed: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = replace(CONNECTION, port=listener.getsockname()[1])
        assert answer(connection=there, connect_first=True, probe=probed.append)[0] == {"details": {}}
    assert len(probed) == 1
    assert answer(connection=there, connect_first=True, probe=probed.append)[0] == {"fault": "refused"}
    assert len(probed) == 1


@pytest.mark.parametrize(("host", "asked"), [(None, False), ("", False), ("h", True)])
def test_without_a_host_a_library_that_takes_this_machine_is_not_asked(
    host: str | None, asked: bool, answer: Examine
) -> None:
    said, actual = answer(connection=replace(CONNECTION, host=host), needs_host=True, probe=lambda _: {})
    assert (said == {"details": {}}, bool(actual)) == (asked, asked)
    assert asked or said["fault"].startswith("misconfigured")


@pytest.mark.parametrize(
    ("result", "passed"),
    [((True, "x"), True), ([True], True), ((False, "x"), False), (True, True), (None, False), ((), False), ([], False)],
)
def test_the_result_of_a_hooks_test_is_its_first_part(result: Any, passed: bool) -> None:
    class Says:
        def test_connection(self) -> Any:
            return result

    before = sys.gettrace()
    assert run_test(Says()) == (passed, None)
    assert sys.gettrace() is before


def test_hooks_get_the_connection_under_its_id_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("get", "async_get"):
        monkeypatch.setattr(Connection, name, getattr(Connection, name))
    extra = {"ssl": {"ca": "/ca.pem"}}
    child._hand_over(replace(CONNECTION, schema="s", extra=extra))  # noqa: SLF001 - what the process begins with
    known = Connection.get("c")
    assert asyncio.run(Connection.async_get("c")) is known
    parts = (known.conn_id, known.conn_type, known.host, known.port, known.login, known.password, known.schema)
    assert parts == ("c", "bird", "127.0.0.1", 1, "l", "p", "s")
    assert known.extra_dejson == extra
    with pytest.raises(AirflowNotFoundException):
        Connection.get("another")
    with pytest.raises(AirflowNotFoundException):
        asyncio.run(Connection.async_get("another"))
    child._hand_over(CONNECTION)  # noqa: SLF001 - see above
    assert Connection.get("c").extra is None


OF_LOGIN = {"BirdError": {1: WRONG_PASSWORD, 2: REFUSED}}


class Known(dict[str, Any]):
    """What Airflow knows of hooks; of one it raises what its import has raised."""

    def __getitem__(self, conn_type: str) -> Any:
        if conn_type == "raises":
            raise ImportError
        return super().__getitem__(conn_type)


@pytest.mark.parametrize(
    ("conn_type", "fault"),
    [
        ("fine", ""),
        ("unknown", "no_provider"),
        ("raises", "provider_broken"),
        ("not imported", "provider_broken"),
        ("no module", "provider_broken"),
        ("no class", "untestable"),
    ],
)
def test_the_class_of_a_hook_or_why_there_is_none(conn_type: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {"fine": f"{__name__}.Hook", "raises": "", "no module": "no_such_module.Hook", "no class": ""}
    known = {
        name: SimpleNamespace(hook_class_name=path, connection_id_attribute_name="id") for name, path in paths.items()
    }
    monkeypatch.setattr(child, "_providers", lambda: SimpleNamespace(hooks=Known(known, **{"not imported": None})))
    for name in ("get", "async_get"):
        monkeypatch.setattr(Connection, name, getattr(Connection, name))
    said = next(examine(replace(CONNECTION, conn_type=conn_type), Deadline(20)))
    assert said.get("fault", "") == fault


@pytest.mark.parametrize(
    ("raises", "asks", "fault"),
    [
        # It has logged in as somebody else than its tasks, or not at all.
        (1, True, "untestable.2"),
        (1, False, "wrong_password"),
        # That is so for anyone.
        (2, True, "refused"),
        (None, True, ""),
    ],
)
def test_of_a_hook_that_needs_another_connection_as_well_a_refusal_says_nothing(
    raises: int | None, asks: bool, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("get", "async_get"):
        monkeypatch.setattr(Connection, name, getattr(Connection, name))

    def probe(_: Any) -> Mapping[str, Any]:
        with suppress(AirflowNotFoundException):
            # As AwsBaseHook does, which then takes what this machine has.
            Connection.get("another" if asks else "c")
        if raises:
            raise BirdError(raises)
        return {"proven": True}

    given = HookType(("bird",), "Bird", codes=OF_LOGIN, probe=probe)
    monkeypatch.setattr(child, "hook_type", lambda _: given)
    monkeypatch.setattr(child, "_hook_class", lambda _: (Hook, "bird_conn_id"))
    said = next(examine(CONNECTION, Deadline(20)))
    assert said.get("fault", "") == fault
    assert raises or said["details"] == {"proven": False}
