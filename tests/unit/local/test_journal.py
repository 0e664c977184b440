from pathlib import Path

from local.journal import Journal


def test_what_was_kept_and_not_forgotten_is_held_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.keep("leads", "1", {"body": "first"})
    journal.keep("leads", "2", {"body": "second"})
    journal.keep("other", "3", {"body": "third"})
    journal.forget("1")

    # Not closed: a killed process closes nothing.
    again = Journal(tmp_path / "journal")

    assert again.held("leads") == [{"body": "second"}]
    assert again.held("other") == [{"body": "third"}]
    journal.close()
    again.close()


def test_a_message_moved_to_another_queue_is_held_there_only(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.keep("leads", "1", {"body": "x"})
    journal.keep("dead-letters", "1", {"body": "x"})
    journal.close()

    again = Journal(tmp_path / "journal")

    assert again.held("leads") == []
    assert again.held("dead-letters") == [{"body": "x"}]
    again.close()


def test_a_line_torn_by_a_kill_is_left_out_and_the_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.keep("leads", "1", {"body": "whole"})
    journal.close()
    with path.open("a") as file:
        file.write('{"queue": "leads", "id": "2", "mess')

    again = Journal(path)
    again.keep("leads", "3", {"body": "later"})
    again.close()

    last = Journal(path)
    assert last.held("leads") == [{"body": "whole"}, {"body": "later"}]
    last.close()


def test_an_emptied_queue_holds_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.keep("leads", "1", {})
    journal.keep("other", "2", {"body": "stays"})
    journal.forget_queue("leads")

    assert journal.held("leads") == []
    assert journal.held("other") == [{"body": "stays"}]
    journal.close()


def test_the_file_does_not_grow_with_messages_that_are_done(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    for number in range(50):
        journal.keep("leads", str(number), {"body": "x" * 100})
        journal.forget(str(number))
    journal.close()

    Journal(path).close()

    assert path.stat().st_size == 0
    assert path.stat().st_mode & 0o777 == 0o600
