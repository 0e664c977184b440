"""What ``forecourt dlq`` prints."""

import pytest

from local.commands.dlq import print_letters
from local.commands.output import console

LETTER = {
    "messageId": "83d26812-51a9-45c9-8eda-da3923340f8c",
    "queue": "dynamics",
    "sentAt": "2026-11-21T08:32:11.650000Z",
    "inQueueUntil": "2026-12-05T08:32:11.650000Z",
    "reason": "TOO_MANY_RECEIVES",
    "detail": "Nobody finished it [yet]; it was received 200 times, looks at it included.",
    "leadId": None,
    "dealershipId": 12345,
}


def test_a_narrow_terminal_breaks_neither_id_nor_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 80)

    print_letters([LETTER], archived=False)

    words = capsys.readouterr().out.split()
    for word in ("83d26812-51a9-45c9-8eda-da3923340f8c", "dynamics:", "TOO_MANY_RECEIVES"):
        assert word in words
    for word in ("[yet];", "2026-12-05", "12345"):
        assert word in words


@pytest.mark.parametrize(
    ("archived", "said"), [(False, "No dead letter to be seen."), (True, "No copy")]
)
def test_an_empty_list_says_so(
    capsys: pytest.CaptureFixture[str], *, archived: bool, said: str
) -> None:
    print_letters([], archived=archived)

    assert said in capsys.readouterr().out
