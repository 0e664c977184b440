"""What the tests of a process share: one PostgreSQL server that may crash, one fork server."""

from collections.abc import Iterator

import pytest

from tests.chaos.world import Harness, chaos_harness


@pytest.fixture(scope="session")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    with chaos_harness(tmp_path_factory.mktemp("chaos")) as started:
        yield started
