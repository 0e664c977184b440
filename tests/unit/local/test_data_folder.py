import os
from pathlib import Path

import pytest

from local.data_folder import DataFolder
from local.failures import StackError


def test_a_second_stack_on_the_folder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    first = DataFolder(tmp_path / "data")
    first.open()
    try:
        with pytest.raises(StackError, match=f"process {os.getpid()}.*--data DIR"):
            DataFolder(tmp_path / "data").open()
    finally:
        first.close()


def test_a_closed_folder_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        folder = DataFolder(tmp_path / "data")
        folder.open()
        folder.write_state({"pid": 1})
        folder.close()
        assert not folder.state_file.exists()


def test_a_lock_left_by_a_dead_process_and_its_state_are_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "stack.lock").write_text("999999\n")
    (tmp_path / "stack.json").write_text("{}")

    folder = DataFolder(tmp_path)
    folder.open()

    assert not folder.state_file.exists()
    folder.close()


def test_secrets_are_kept_where_only_their_owner_reads(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.open()
    folder.write_keys("kms", {"a": 1})
    folder.write_state({"database_url": "with a password"})

    assert folder.read_keys("kms") == {"a": 1}
    assert folder.read_keys("never written") == {}
    assert folder.keys.stat().st_mode & 0o777 == 0o700
    assert (folder.keys / "kms.json").stat().st_mode & 0o777 == 0o600
    assert folder.state_file.stat().st_mode & 0o777 == 0o600
    folder.close()


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StackError, match=r"cannot be made.*--data DIR"):
        DataFolder(tmp_path / "file" / "data").open()
