"""Starting, stopping, being killed, and living next to another stack."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from tests.integration.stack.running_sample import (
    NO_DATABASE,
    RunningSample,
    launch,
    running_sample,
    wait_until,
)

if TYPE_CHECKING:
    from pathlib import Path

READY_KEYS = {
    "ready",
    "url",
    "dashboard_url",
    "database_url",
    "aws_endpoint_url",
    "easycars_url",
    "dynamics_url",
    "data",
}


def children(running: RunningSample) -> list[psutil.Process]:
    """Every process the stack started; PostgreSQL and its guardian leave the process group."""
    return psutil.Process(running.process.pid).children(recursive=True)


def is_listening(url: str) -> bool:
    address = httpx.URL(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.host, address.port)) == 0


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs; a zombie waits only for this machine's init process."""
    running = [p for p in processes if p.is_running()]
    return all(p.status() == psutil.STATUS_ZOMBIE for p in running)


def warm(running: RunningSample) -> None:
    running.invoke("EchoFunction", {})


def test_the_ready_line_has_exactly_the_promised_keys(sample: RunningSample) -> None:
    assert set(sample.ready) == READY_KEYS
    assert sample.ready["ready"] is True
    assert sample.ready["data"] == str(sample.data)
    assert sample.ready["url"] == sample.state["url"]


def test_the_state_file_tells_commands_where_everything_is(sample: RunningSample) -> None:
    assert sample.state["pid"] == sample.process.pid
    for_commands = {"pid", "issuer_url", "resources", "environments"}
    assert set(sample.state) == (READY_KEYS - {"ready"}) | for_commands
    assert sample.resource("WorkQueue").startswith(sample.state["aws_endpoint_url"])
    assert sample.resource("Key").startswith("arn:aws:kms:")
    assert sample.resource("Secret").startswith("arn:aws:secretsmanager:")
    assert "OnlyOnMars" not in sample.state["resources"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_and_leaves_no_process_and_no_port(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running_sample(tmp_path / "data", backing=True) as running:
        warm(running)
        assert is_listening(running.ready["dynamics_url"])
        started = children(running)
        assert len(started) >= 4  # PostgreSQL, its workers, the guardian, a sandbox

        running.process.send_signal(number)

        assert running.process.wait(timeout=20) == 0
        assert gone(started)
        for url in ("url", "aws_endpoint_url", "database_url", "easycars_url", "dynamics_url"):
            assert not is_listening(running.ready[url])
        assert not (tmp_path / "data" / "stack.json").exists()
        assert running.process.stdout is not None
        assert running.process.stdout.read() == ""


def test_killed_it_takes_every_child_with_it_even_one_that_hangs(tmp_path: Path) -> None:
    with running_sample(tmp_path / "data", backing=True) as running:
        warm(running)
        running.invoke("FragileFunction", {"way": "sleep"}, InvocationType="Event")
        started = children(running)
        assert started

        running.process.kill()

        wait_until(lambda: gone(started), seconds=15)
        assert gone(started)


def test_killed_and_started_again_it_delivers_decrypts_and_remembers(tmp_path: Path) -> None:
    data = tmp_path / "data"
    late, failing = uuid.uuid4().hex, uuid.uuid4().hex
    with running_sample(data) as first:
        key = first.resource("Key")
        sealed = first.client("kms").encrypt(
            KeyId=key, Plaintext=b"secret", EncryptionContext={"dealershipId": "1"}
        )["CiphertextBlob"]
        secret_arn, token = first.resource("Secret"), first.issuer().mint()
        secrets = first.client("secretsmanager")
        generated = json.loads(secrets.get_secret_value(SecretId=secret_arn)["SecretString"])
        rotated = {**generated, "2": "newer"}
        secrets.put_secret_value(SecretId=secret_arn, SecretString=json.dumps(rotated))
        first.client("s3").put_object(
            Bucket=first.resource("Bucket"),
            Key="sites/a b+ü%2F.json",
            Body=b"{}",
            ContentType="application/json",
            Metadata={"maker": "test"},
        )
        first.client("s3").put_object(Bucket=first.resource("Bucket"), Key="gone", Body=b"x")
        first.client("s3").delete_object(Bucket=first.resource("Bucket"), Key="gone")
        done = uuid.uuid4().hex
        first.send({"name": done})
        wait_until(lambda: first.seen(done))
        first.send({"name": failing, "fails": True})
        wait_until(lambda: first.seen(failing))
        times_seen = len(first.seen(done))
        delayed_id = first.send({"name": late}, DelaySeconds=6, MessageGroupId="9")
        first.process.kill()
        first.process.wait()
        issuer = first.state["issuer_url"]
        port = httpx.URL(first.ready["url"]).port

    with running_sample(data, "--port", str(port)) as second:
        plain = second.client("kms").decrypt(
            CiphertextBlob=sealed, EncryptionContext={"dealershipId": "1"}
        )
        assert plain["Plaintext"] == b"secret"
        assert second.resource("Key") == key
        kept = second.client("secretsmanager").get_secret_value(SecretId=second.resource("Secret"))
        assert json.loads(kept["SecretString"]) == rotated
        site = second.client("s3").get_object(
            Bucket=second.resource("Bucket"), Key="sites/a b+ü%2F.json"
        )
        assert (site["Body"].read(), site["ContentType"]) == (b"{}", "application/json")
        # waitress writes header names with capitals, S3 does not.
        assert {name.lower(): value for name, value in site["Metadata"].items()} == {
            "maker": "test"
        }
        listed = second.client("s3").list_objects_v2(Bucket=second.resource("Bucket"))
        assert "gone" not in [entry["Key"] for entry in listed["Contents"]]
        assert second.state["issuer_url"] == issuer
        answer = second.request("GET", "/closed/x", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        record = wait_until(lambda: second.seen(late))[0]
        assert record["messageId"] == delayed_id
        assert record["attributes"]["MessageGroupId"] == "9"
        wait_until(lambda: len(second.seen(failing)) >= 2)
        assert len(second.seen(done)) == times_seen


def test_two_stacks_run_side_by_side_without_seeing_each_other(
    sample: RunningSample, tmp_path: Path
) -> None:
    with running_sample(tmp_path / "data") as other:
        assert other.ready["url"] != sample.ready["url"]
        name = uuid.uuid4().hex
        other.send({"name": name})

        wait_until(lambda: other.seen(name))

        assert sample.seen(name) == []
        token = sample.issuer().mint()
        answer = other.request("GET", "/closed/x", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401


def refused(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    with launch(tmp_path, *arguments) as process:
        try:
            code = process.wait(timeout=60)
        finally:
            process.kill()
    return code, tmp_path.with_suffix(".stderr").read_text().splitlines()[-1]


def test_a_second_stack_on_the_same_data_folder_is_refused(sample: RunningSample) -> None:
    code, said = refused(sample.data)

    assert code == 1
    assert f"process {sample.process.pid}" in said
    assert "--data DIR" in said
    assert sample.request("POST", "/open/exact").status_code == 200


def test_a_port_in_use_is_told_with_the_cure(sample: RunningSample, tmp_path: Path) -> None:
    port = str(httpx.URL(sample.ready["url"]).port)

    code, said = refused(tmp_path / "data", "--port", port)

    assert code == 1
    assert said == (
        f"Port {port} is taken by another program. "
        "Stop that program, or choose another with --port N (0 picks a free one)."
    )


def test_a_database_url_that_is_none_is_told_with_the_cure(tmp_path: Path) -> None:
    code, said = refused(tmp_path / "data", "--database-url", "mysql://x")

    assert code == 2
    assert "postgresql://user:password@host:5432/name" in said


def test_the_command_line_tells_a_failure_in_one_line_without_a_traceback(
    sample: RunningSample, tmp_path: Path
) -> None:
    port = str(httpx.URL(sample.ready["url"]).port)
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "local.cli",
            "up",
            "--port",
            port,
            "--data",
            tmp_path / "data",
            "--database-url",
            NO_DATABASE,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert finished.returncode == 1
    assert finished.stdout == ""
    assert "is taken by another program" in finished.stderr
    assert "Traceback" not in finished.stderr
