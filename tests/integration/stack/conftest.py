from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.stack.running_sample import RunningSample, running_sample, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSample]:
    """One running stack of the sample template, shared by the tests that do not stop it."""
    with running_sample(tmp_path_factory.mktemp("sample") / "data") as running:
        # Said last, when every handler that loads is warm: from here on times mean something.
        wait_until(lambda: "BrokenFunction does not load" in running.console(), seconds=60)
        yield running
