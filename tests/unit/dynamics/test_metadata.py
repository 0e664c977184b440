import json
from typing import Any

import pytest

from forecourt.dynamics.metadata import AlternateKey, Column, TenantMetadata
from forecourt.errors import PermanentError

SUBJECT = Column(type="String", max_length=300, required="ApplicationRequired")
QUALITY = Column(type="Picklist", options={"Hot": 1, "Warm": 2, "Cold": 3})
SCORE = Column(type="Integer", minimum=0, maximum=100, on_update=False)
KEY = AlternateKey(name="hnt_key", columns=("hnt_forecourtid",), status="Active")


def test_what_is_stored_is_read_back_whole() -> None:
    metadata = TenantMetadata(
        columns={"subject": SUBJECT, "leadqualitycode": QUALITY, "hnt_finalscore": SCORE},
        keys=(KEY,),
    )

    stored = json.loads(json.dumps(metadata.to_json()))

    assert TenantMetadata.from_json(stored) == metadata
    assert stored["columns"]["subject"] == {
        "type": "String", "maxLength": 300, "min": None, "max": None, "options": None,
        "create": True, "update": True, "required": "ApplicationRequired",
    }  # fmt: skip
    assert stored["columns"]["leadqualitycode"]["options"] == {"Hot": 1, "Warm": 2, "Cold": 3}
    assert stored["columns"]["hnt_finalscore"]["update"] is False
    assert stored["keys"] == [
        {"name": "hnt_key", "columns": ["hnt_forecourtid"], "status": "Active"}
    ]


@pytest.mark.parametrize("value", [None, {}, {"columns": {}}, {"columns": [], "keys": []}])
def test_metadata_that_names_no_column_is_unknown(value: Any) -> None:
    with pytest.raises(PermanentError) as caught:
        TenantMetadata.from_json(value)

    assert (caught.value.code, caught.value.target) == ("METADATA_UNKNOWN", "Dynamics")


def test_what_is_missing_or_odd_counts_as_untold() -> None:
    metadata = TenantMetadata.from_json({
        "columns": {
            "new_kind": {"type": "Hologram", "depth": 3},
            "bare": {},
            "odd": {"maxLength": "100", "min": True, "max": None, "options": {"A": "1", "B": 2}},
            "none": None,
        },
        "keys": [{"name": "k"}, "key", {"columns": ["a", "b"]}],
        "more": 1,
    })  # fmt: skip

    assert metadata.columns == {
        "new_kind": Column(type="Hologram"),
        "bare": Column(type="Unknown"),
        "odd": Column(type="Unknown", options={"B": 2}),
    }
    assert metadata.keys == (AlternateKey(name="", columns=("a", "b"), status="Unknown"),)
    assert TenantMetadata.from_json({"columns": {"a": {}}, "keys": None}).keys == ()


def test_a_key_is_found_by_its_one_column() -> None:
    failed = AlternateKey(name="old", columns=("hnt_forecourtid",), status="Failed")
    wide = AlternateKey(name="wide", columns=("hnt_forecourtid", "subject"), status="Active")
    columns = {"subject": SUBJECT}

    assert TenantMetadata(columns=columns, keys=(failed, wide, KEY)).key_on(KEY.columns[0]) == KEY
    assert TenantMetadata(columns=columns, keys=(wide, failed)).key_on(KEY.columns[0]) == failed
    assert TenantMetadata(columns=columns, keys=(wide,)).key_on("hnt_forecourtid") is None
    assert (KEY.is_active, failed.is_active) == (True, False)
