"""A PostgreSQL server whose disk is full in the middle of a load."""

from __future__ import annotations

import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.errors import UnknownConnectorError
from osiris_provider.testing.context import RecordingContext

from tests.kills.targets import MODES, PostgresTarget

MOUNT, UMOUNT = shutil.which("mount") or "mount", shutil.which("umount") or "umount"

pytestmark = pytest.mark.faults


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 20 MiB that belongs to the server's account."""
    directory = tmp_path / "disk"
    directory.mkdir()
    for parent in [*directory.parents][:3]:
        parent.chmod(0o755)
    done = subprocess.run(
        [MOUNT, "-t", "tmpfs", "-o", "size=20m", "tmpfs", directory], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("only root may mount a file system")
    try:
        space = directory / "space"
        space.mkdir()
        account = pwd.getpwnam(PostgresTarget(tmp_path, 0).server.system_user)
        shutil.chown(space, account.pw_uid, account.pw_gid)
        yield space
    finally:
        subprocess.run([UMOUNT, "-l", directory], check=True)


@pytest.mark.parametrize("mode", MODES)
def test_full_disk_is_said_and_nothing_is_visible(tmp_path: Path, small_disk: Path, mode: str) -> None:
    target = PostgresTarget(tmp_path, 0)
    ballast = small_disk.parent / "ballast"
    ballast.write_bytes(bytes(4 << 20))
    config = {"table": "target", "write_mode": mode, "primary_key": ["id"]}
    many, few = (pa.table({"id": range(rows), "s": ["x" * 200] * rows}) for rows in (200_000, 10))
    with target.server as server:
        with closing(server.connect()) as connection, connection.cursor() as cursor:  # type: ignore[attr-defined] # a PostgreSQL server has it
            cursor.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
            cursor.execute(f"GRANT CREATE ON TABLESPACE small TO {server.app.user}")
        target.query("CREATE TABLE target (id BIGINT PRIMARY KEY, s TEXT) TABLESPACE small")
        target.query("INSERT INTO target VALUES (-1, 'there')")

        def write(data: pa.Table) -> None:
            step = {"resolved_connection": target.connection(), **config}
            ctx = RecordingContext(load_id="load")
            get_driver("postgres.writer").run(step_id="load", config=step, inputs={"source": {"data": data}}, ctx=ctx)

        with pytest.raises(UnknownConnectorError, match=r"Step load: .* has run out of disk or memory") as raised:
            write(many)
        assert raised.value.fault.slug == "server_full"
        assert target.query("SELECT id FROM target") == [(-1,)]
        assert target.query("SELECT load_id FROM _osiris_loads") == []
        ballast.unlink()
        target.query("VACUUM target")
        write(few)
        assert target.count() == (10 if mode == "replace" else 11)
        close_all()
