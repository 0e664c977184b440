"""A website and the intake it posts to."""

import pytest

from tests.support.website import Website


@pytest.fixture
def website() -> Website:
    return Website()
