"""Where the file is looked for (CONN-001)."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path

import pytest
from osiris_provider.connections import list_connections
from osiris_provider.connections.reader import FILE_NAME
from osiris_provider.connections.settings import file_mode, parse_mode, setting
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError

from tests.unit.connection_files import SAMPLES, write


class TestPlaces:
    """Where the file is looked for, in order."""

    @pytest.fixture(autouse=True)
    def _clean(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("OSIRIS_HOME", "AIRFLOW__OSIRIS__CONNECTIONS_FILE"):
            monkeypatch.delenv(name, raising=False)
        for name in ("named", "configured", "osiris", "here", "airflow"):
            (tmp_path / name).mkdir()
            write(tmp_path / name, f"version: 1\nconnections:\n  duckdb:\n    {name}: {{path: x}}\n")
        monkeypatch.chdir(tmp_path / "here")
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))

    def located(self, file: str | Path | None = None) -> str:
        return str(list_connections(file)[0]["alias"])

    def test_conn_001_order_of_places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.located() == "here"
        (tmp_path / "here" / FILE_NAME).unlink()
        assert self.located() == "airflow"
        monkeypatch.setenv("OSIRIS_HOME", str(tmp_path / "osiris"))
        assert self.located() == "osiris"
        monkeypatch.setenv("AIRFLOW__OSIRIS__CONNECTIONS_FILE", str(tmp_path / "configured" / FILE_NAME))
        assert self.located() == "configured"
        assert self.located(tmp_path / "named" / FILE_NAME) == "named"
        assert self.located(f"../named/{FILE_NAME}") == "named"

    def test_conn_001_in_airflow_cfg(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CONFIGURED", "configured")
        other, ours = "connections_file = elsewhere", f"connections_file = {tmp_path}/$CONFIGURED/{FILE_NAME}"
        text = (
            f"[core]\nx = %(y)s\n{other}\n[osiris]\nfile_mode = 0660\n\n# [core]\n{ours}\n[logging]\n{other}\n"
            "[osiris]\nfile_mode = 0640\nstaging_url =\n"
        )
        config = tmp_path / "airflow" / "airflow.cfg"
        config.write_text(text)
        assert self.located() == "configured"
        assert (file_mode(), setting("staging_url")) == (0o640, None)
        config.write_text("[osiris]\nstaging_url = s3://bucket\n")
        os.utime(config, (0, 0))
        assert self.located() == "here"
        assert (file_mode(), setting("staging_url")) == (0o600, "s3://bucket")

    @pytest.mark.parametrize(("written", "read"), [("a%%b", "a%b"), ("a%b", "a%b"), ("%(api_user)s1", "ann1")])
    def test_an_option_of_airflow_cfg_is_read_as_airflow_reads_it(
        self, written: str, read: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "airflow" / "airflow.cfg").write_text(f"[osiris]\napi_user = ann\napi_password = {written}\n")
        assert setting("api_password") == read
        # Airflow takes those of the environment as they are.
        monkeypatch.setenv("AIRFLOW__OSIRIS__API_PASSWORD", written)
        assert setting("api_password") == written

    @pytest.mark.parametrize("content", [b"\xff[[[\nnonsense", b"[osiris]\nconnections_file = x\nnonsense\n"])
    def test_conn_001_a_broken_airflow_cfg_is_airflows_business(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "airflow" / "airflow.cfg").write_bytes(content)
        assert self.located() == "here"

    def test_conn_001_an_airflow_cfg_that_is_no_file_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "airflow" / "airflow.cfg")
        assert self.located() == "here"

    def test_conn_001_a_link_that_leads_nowhere_stands_for_no_other(self, tmp_path: Path) -> None:
        (tmp_path / "here" / FILE_NAME).unlink()
        (tmp_path / "here" / FILE_NAME).symlink_to("gone")
        with pytest.raises(ConnectionConfigError, match=r"/here/.* cannot be read: No such file or directory"):
            self.located()

    def test_conn_001_a_file_without_a_name_stands_for_no_other(self) -> None:
        with pytest.raises(ConnectionConfigError, match=r"/here is a directory; name the file in it"):
            self.located("")

    def test_conn_001_home_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path / "named"))
        assert self.located(f"~/{FILE_NAME}") == "named"

    @pytest.mark.parametrize("variable", ["OSIRIS_HOME", "AIRFLOW__OSIRIS__CONNECTIONS_FILE"])
    def test_conn_001_a_named_place_is_taken_at_its_word(
        self, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
        with pytest.raises(ConnectionConfigError, match=r"nowhere.* \(set by .*\) does not exist"):
            list_connections()

    def test_conn_001_nowhere(self, tmp_path: Path) -> None:
        for name in ("here", "airflow"):
            (tmp_path / name / FILE_NAME).unlink()
        with pytest.raises(ConnectionNotFoundError, match=rf"no {FILE_NAME} in .*here and .*airflow.*OSIRIS_HOME"):
            list_connections()

    def test_conn_001_a_user_without_an_account_or_home(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_account(uid: int) -> None:
            raise KeyError(uid)

        monkeypatch.delenv("AIRFLOW_HOME")
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(pwd, "getpwuid", no_account)
        assert self.located() == "here"

    def test_conn_001_airflows_places_are_what_airflow_makes_of_them(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "here" / FILE_NAME).unlink()
        monkeypatch.setenv("WHERE", str(tmp_path))
        monkeypatch.setenv("AIRFLOW_HOME", "$WHERE/airflow")
        assert self.located() == "airflow"
        (tmp_path / "named" / "airflow.cfg").write_text(f"[osiris]\nconnections_file = $WHERE/configured/{FILE_NAME}\n")
        monkeypatch.setenv("AIRFLOW_CONFIG", "${WHERE}/named/airflow.cfg")
        assert self.located() == "configured"

    def test_conn_001_working_directory_is_gone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert self.located() == "airflow"
        monkeypatch.chdir(tmp_path)

    def test_conn_001_a_place_is_named_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        empty = tmp_path / "empty"
        empty.mkdir()
        monkeypatch.chdir(empty)
        monkeypatch.setenv("AIRFLOW_HOME", str(empty))
        with pytest.raises(ConnectionNotFoundError) as raised:
            self.located()
        assert str(raised.value).count(str(empty)) == 1


@pytest.mark.parametrize("name", ["gone.yaml", "a\0b", "x" * 5000, "~no-such-user-here/f.yaml"])
def test_conn_001_a_named_file_that_is_not_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, SAMPLES)
    with pytest.raises(ConnectionConfigError, match=r"Connections file .* \(asked for\)") as raised:
        list_connections(name)
    assert not isinstance(raised.value, ConnectionNotFoundError)
    assert re.search(r"[^.]\.$", str(raised.value))


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("0600", 0o600),
        ("600", 0o600),
        ("0777", 0o666),
        ("0711", 0o600),
        ("0647", 0o646),
        ("0664", 0o664),
        ("0500", None),
        ("0800", None),
        ("00600", None),
        ("60", None),
    ],
)
def test_a_mode_lets_its_owner_read_and_write_and_nobody_execute(text: str, mode: int | None) -> None:
    assert parse_mode(text) == mode
