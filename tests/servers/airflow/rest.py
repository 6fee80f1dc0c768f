"""Airflow's REST API, as the tests use it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote

import requests

USERS: Final = {"admin": "admin", "op": "op", "user": "user", "viewer": "viewer"}
"""Name and role; the password of each is its name."""
T = TypeVar("T")


def until(question: Callable[[], T | None], what: str, seconds: float = 60.0) -> T:
    """Ask again and again until the answer is true, and return it; for what no one tells us when it happens.

    :param question: what is asked.
    :param what: is waited for, for the message.
    :param seconds: to wait at most.
    :raises TimeoutError: it did not come.
    """
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            msg = f"no {what} within {seconds:.0f} s"
            raise TimeoutError(msg)
        time.sleep(0.2)
    return answer


class Rest:
    """Airflow's REST API as one user.

    :param origin: of Airflow.
    :param user: one of :data:`USERS`.
    """

    def __init__(self, origin: str, user: str) -> None:
        self._origin = origin
        self._base = f"{origin}/api/v2"
        self._session = requests.Session()
        answer = self._session.post(f"{origin}/auth/token", json={"username": user, "password": user}, timeout=30)
        answer.raise_for_status()
        self.token = str(answer.json()["access_token"])
        self._session.headers["Authorization"] = f"Bearer {self.token}"

    def ask(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Send a request and return the answer, whatever its status.

        :param method: of HTTP.
        :param path: below ``/api/v2``.
        :param arguments: for ``requests``, such as ``json``.
        """
        return self._session.request(method, self._base + path, timeout=60, **arguments)

    def get(self, path: str, **parameters: Any) -> Any:
        """Return what is there, as JSON.

        :param path: below ``/api/v2``.
        :param parameters: of the query.
        """
        return self._json("GET", path, params=parameters)

    def read(self, path: str) -> str:
        """Return what is there as text, whatever the status.

        :param path: below the origin, such as ``/ui/config``.
        """
        return self._session.get(self._origin + path, timeout=60).text

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON and return the answer's."""
        return self._json("POST", path, json=body)

    def delete(self, path: str) -> None:
        """Delete what is there, if it is there."""
        self.ask("DELETE", path)

    def wait_for_dag(self, dag_id: str, seconds: float = 90) -> None:
        """Wait until Airflow has read the file of a DAG.

        :param dag_id: of the DAG.
        :param seconds: to wait at most.
        :raises TimeoutError: it has not; with what is wrong with the files that it could not read.
        """
        try:
            until(lambda: self.ask("GET", f"/dags/{dag_id}").ok, f"DAG {dag_id}", seconds)
        except TimeoutError as error:
            wrong = [one["stack_trace"] for one in self.get("/importErrors")["import_errors"]]
            raise TimeoutError("\n".join([str(error), *wrong])) from None

    def trigger(self, dag_id: str, seconds: float = 90) -> str:
        """Start a run of a DAG, as soon as Airflow has read its file, and return its id.

        :param dag_id: of the DAG.
        :param seconds: to wait for the file to be read.
        """
        self.wait_for_dag(dag_id, seconds)
        return str(self.post(f"/dags/{dag_id}/dagRuns", {"logical_date": None})["dag_run_id"])

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return a task instance of a run."""
        return dict(self.get(f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}"))

    def asset(self, uri: str) -> int | None:
        """Return the number of an asset, or None if there is none yet."""
        assets = self.get("/assets", uri_pattern=uri, only_active=False)["assets"]
        return next((int(asset["id"]) for asset in assets if asset["uri"] == uri), None)

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task of a run has returned."""
        run = quote(run_id, safe="")
        path = f"/dags/{dag_id}/dagRuns/{run}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self.get(path, deserialize=False)["value"]
        return json.loads(value) if isinstance(value, str) else value

    def finished(self, dag_id: str, run_id: str, seconds: float = 120) -> str:
        """Wait for the end of a run and return its state."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
        ended = ("success", "failed")
        until(lambda: self.get(path)["state"] in ended, f"end of {dag_id}", seconds)
        return str(self.get(path)["state"])

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.ask(method, path, **arguments)
        if not answer.ok:
            msg = f"{method} {path}: {answer.status_code} {answer.text}"
            raise RuntimeError(msg)
        return answer.json()
