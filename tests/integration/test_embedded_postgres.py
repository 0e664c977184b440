import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from local.postgres import EmbeddedPostgres, PostgresUnavailableError
from local.privileges import ClosedFolderError, unprivileged_for

OWNER = """
import sys, time
from pathlib import Path
from local.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1])).start()
print(server.url, flush=True)
time.sleep(600)
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops privileges")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder only its maker may enter, as a CI workspace or root's home is."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o700)
    yield path
    shutil.rmtree(path)


def server_in(folder: Path, *, port: int | None = None) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder / "postgres", durable=False, port=port)


def postmaster_of(folder: Path) -> int:
    return int((folder / "postgres/cluster/postmaster.pid").read_text().split("\n")[0])


def one(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_what_was_written_is_there_after_a_restart(folder: Path) -> None:
    with server_in(folder) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        postmaster = psutil.Process(postmaster_of(folder))

    assert not postmaster.is_running()
    with server_in(folder) as server:
        assert one(server.url, "SELECT answer FROM kept") == 42


def test_stops_although_a_client_is_connected(folder: Path) -> None:
    server = server_in(folder).start()
    client = psycopg.connect(server.url)

    server.stop()

    with pytest.raises(psycopg.OperationalError):
        client.execute("SELECT 1")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_two_run_side_by_side(folder: Path) -> None:
    with server_in(folder / "a") as first, server_in(folder / "b") as second:
        assert first.port != second.port
        assert one(first.url, "SHOW data_directory") != one(second.url, "SHOW data_directory")


def test_asks_for_its_password_and_keeps_it_private(folder: Path) -> None:
    with server_in(folder) as server:
        assert stat.S_IMODE((folder / "postgres/password").stat().st_mode) == 0o600
        assert sorted(path.name for path in (folder / "postgres").glob("password*")) == ["password"]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url, password="guessed")


def test_listens_on_this_machine_only(folder: Path) -> None:
    with server_in(folder) as server:
        assert one(server.url, "SHOW listen_addresses") == "127.0.0.1"
        assert one(server.url, "SHOW unix_socket_directories") == ""


def test_durable_unless_told_otherwise(folder: Path) -> None:
    with EmbeddedPostgres(folder / "durable") as durable, server_in(folder) as fast:
        assert one(durable.url, "SHOW fsync") == "on"
        assert one(fast.url, "SHOW fsync") == "off"


def test_statements_and_values_stay_out_of_its_log(folder: Path) -> None:
    with server_in(folder) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE person (email text UNIQUE)")
            connection.execute("INSERT INTO person VALUES ('planted@example.com')")
        with (
            psycopg.connect(server.url) as connection,
            pytest.raises(psycopg.errors.UniqueViolation),
        ):
            connection.execute("INSERT INTO person VALUES ('planted@example.com')")

    log = server.log.read_text()
    assert "duplicate key" in log
    assert "planted@example.com" not in log


def test_its_own_pg_dump_reads_it(folder: Path) -> None:
    with server_in(folder) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE dumped (id integer)")
        dump = subprocess.run([server.pg_dump, server.url], capture_output=True, check=True)

    assert b"CREATE TABLE public.dumped" in dump.stdout


def test_a_folder_in_use_is_refused_with_a_sentence(folder: Path) -> None:
    with server_in(folder), pytest.raises(PostgresUnavailableError, match="in use by another"):
        server_in(folder).start()


def test_a_taken_port_is_refused_with_a_sentence(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(PostgresUnavailableError, match=f"Port {port} is taken"):
            server_in(folder, port=port).start()


def test_a_cluster_of_another_version_is_refused_with_a_sentence(folder: Path) -> None:
    with server_in(folder):
        pass
    (folder / "postgres/cluster/PG_VERSION").write_text("9.6\n")

    with pytest.raises(PostgresUnavailableError, match=r"made by PostgreSQL 9\.6"):
        server_in(folder).start()


def test_a_cluster_half_made_by_a_killed_start_is_made_again(folder: Path) -> None:
    (folder / "postgres/cluster.new/base").mkdir(parents=True)

    with server_in(folder) as server:
        assert one(server.url, "SELECT 1") == 1


class TestAfterItsOwnerWasKilled:
    @pytest.fixture
    def left_over(self, folder: Path) -> str:
        """Kill a process that owns a running server; gives the server's URL."""
        command = [sys.executable, "-c", OWNER, str(folder / "postgres")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
            assert owner.stdout is not None
            url = owner.stdout.readline().strip()
            with psycopg.connect(url) as connection:
                connection.execute("CREATE TABLE accepted AS SELECT 7 AS lead")
            owner.kill()
        return url

    def test_the_server_that_lives_on_is_replaced(self, folder: Path, left_over: str) -> None:
        orphan = psutil.Process(postmaster_of(folder))
        assert orphan.is_running()

        with server_in(folder) as server:
            assert postmaster_of(folder) != orphan.pid
            assert one(server.url, "SELECT lead FROM accepted") == 7

    def test_a_server_that_died_too_leaves_nothing_in_the_way(
        self, folder: Path, left_over: str
    ) -> None:
        os.kill(postmaster_of(folder), signal.SIGKILL)

        with server_in(folder) as server:
            assert one(server.url, "SELECT lead FROM accepted") == 7

    def test_a_strangers_process_with_the_old_number_is_left_alone(
        self, folder: Path, left_over: str
    ) -> None:
        os.kill(postmaster_of(folder), signal.SIGKILL)
        pid_file = folder / "postgres/cluster/postmaster.pid"
        stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        pid_file.write_text(pid_file.read_text().replace(str(postmaster_of(folder)), "", 1))
        pid_file.write_text(f"{stranger.pid}{pid_file.read_text()}")

        with stranger, server_in(folder) as server:
            assert one(server.url, "SELECT lead FROM accepted") == 7
            assert stranger.poll() is None


@as_root
class TestAsRoot:
    def test_runs_as_another_user_below_a_folder_only_root_may_enter(self, folder: Path) -> None:
        with server_in(folder):
            owner = psutil.Process(postmaster_of(folder)).uids()
            assert 0 not in (owner.real, owner.effective)

    def test_needs_no_capabilities_where_every_folder_is_open(self) -> None:
        assert unprivileged_for([Path("/usr/bin/env")]).prefix == ()

    def test_without_setpriv_the_closed_folder_is_named(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(folder))

        with pytest.raises(ClosedFolderError, match=f"The folder {folder} can be entered by root"):
            unprivileged_for([folder / "postgres/cluster"])
        with pytest.raises(PostgresUnavailableError, match="install setpriv"):
            server_in(folder).start()
