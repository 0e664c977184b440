"""docs/dynamics.md names every column that is filled, and no other custom one."""

import re
from datetime import UTC, datetime
from pathlib import Path

from forecourt.dynamics.company_columns import VOLATILE, company_wishes, sync_wishes
from forecourt.dynamics.core_columns import DESCRIPTION, core_wishes
from tests.support.dynamics_tenants import COMPANY, HUNTER_COLUMNS, LATER_COLUMNS
from tests.support.easycars import LEAD

PAGE = (Path(__file__).parents[3] / "docs/dynamics.md").read_text("utf-8")
SYNC = sync_wishes(attempts=1, remote_id=None, now=datetime(2026, 1, 1, tzinfo=UTC))
FILLED = [wish.column for wish in (*core_wishes(LEAD), *company_wishes(COMPANY), *SYNC)]


def test_each_column_is_filled_once_and_stands_in_the_page() -> None:
    assert len(set(FILLED)) == len(FILLED)
    assert [name for name in (*FILLED, DESCRIPTION) if f"`{name}`" not in PAGE] == []


def test_all_custom_columns_of_the_reference_are_filled() -> None:
    custom = {name for name in FILLED if name.startswith("hnt_")}

    assert len(HUNTER_COLUMNS) == 24
    assert len(LATER_COLUMNS) == 6
    assert custom == {*HUNTER_COLUMNS, *LATER_COLUMNS}
    assert set(re.findall(r"`(hnt_\w+)`", PAGE)) - custom == {"hnt_forecourtid"}
    assert {wish.column for wish in SYNC} == VOLATILE
