"""Fixtures of the template's tests."""

import pytest

from tests.support.sam_template import SamTemplate


@pytest.fixture(scope="session")
def template() -> SamTemplate:
    return SamTemplate()
