"""The vendors' simulators a stack starts: on their old ports, with all they knew."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from local.backing import start_backing
from local.data_folder import DataFolder
from tests.integration.stack.running_sample import NO_DATABASE, NO_VENDOR


def test_a_stack_started_again_finds_both_vendors_where_they_were(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with start_backing(folder, database_url=NO_DATABASE, easycars_url=None, dynamics_url=None) as a:
        httpx.post(f"{a.dynamics_url}/_control/leads", json={"values": {"subject": "kept"}})
    with start_backing(folder, database_url=NO_DATABASE, easycars_url=None, dynamics_url=None) as b:
        assert (b.easycars_url, b.dynamics_url) == (a.easycars_url, a.dynamics_url)
        kept = httpx.get(f"{b.dynamics_url}/_control/leads").json()["leads"]
    assert [lead["values"]["subject"] for lead in kept] == ["kept"]


def test_a_simulator_whose_port_is_taken_serves_on_another(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    options = {"database_url": NO_DATABASE, "easycars_url": NO_VENDOR}
    with start_backing(folder, **options, dynamics_url=None) as first:
        port = urlsplit(first.dynamics_url).port
    assert port is not None
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with start_backing(folder, **options, dynamics_url=None) as second:
            assert urlsplit(second.dynamics_url).port != port
            assert httpx.get(f"{second.dynamics_url}/_control/accounts").status_code == 200


def test_a_given_address_is_used_and_nothing_is_started(tmp_path: Path) -> None:
    with start_backing(
        DataFolder(tmp_path),
        database_url=NO_DATABASE,
        easycars_url=f"{NO_VENDOR}/",
        dynamics_url=f"{NO_VENDOR}/",
    ) as given:
        assert (given.easycars_url, given.dynamics_url) == (NO_VENDOR, NO_VENDOR)
    assert list(tmp_path.iterdir()) == []
