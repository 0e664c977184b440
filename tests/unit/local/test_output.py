"""What visitors typed is shown to operators as text: it moves no cursor and turns no line round."""

import json

import pytest

from local.commands.output import print_fields, print_json

ESC, CSI, BELL, BACKSPACE, DELETE = "\x1b", "\x9b", "\a", "\b", "\x7f"
RIGHT_TO_LEFT = "\N{RIGHT-TO-LEFT OVERRIDE}"
POP_ISOLATE = "\N{POP DIRECTIONAL ISOLATE}"
HOSTILE = [
    f"{ESC}]0;owned{BELL}", f"{ESC}[2J", f"{CSI}31m", f"Ann{BACKSPACE * 3}Eve", f"a{DELETE}",
    f"{RIGHT_TO_LEFT}moc.elpmaxe", f"a{POP_ISOLATE}", "over\rwritten",
]  # fmt: skip
STEERING = {ESC, CSI, BELL, BACKSPACE, DELETE, RIGHT_TO_LEFT, POP_ISOLATE, "\r"}


@pytest.mark.parametrize("typed", HOSTILE)
def test_a_terminal_is_not_steered(capsys: pytest.CaptureFixture[str], typed: str) -> None:
    print_fields({"name": typed})

    shown = capsys.readouterr().out
    assert not STEERING & set(shown)
    assert "\N{REPLACEMENT CHARACTER}" in shown


@pytest.mark.parametrize("typed", HOSTILE)
def test_nor_by_json_which_stays_what_it_was(
    capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    print_json({"name": typed})

    shown = capsys.readouterr().out
    assert not {ESC, CSI, BELL, BACKSPACE, DELETE, "\r"} & set(shown)
    assert json.loads(shown) == {"name": typed}


@pytest.mark.parametrize(
    "typed", ["Zoë O'Brien", "Ní Bhriain", "👩\N{ZERO WIDTH JOINER}🔧", "日本語", "[red]", "محمد"]
)
def test_what_people_are_called_stays(capsys: pytest.CaptureFixture[str], typed: str) -> None:
    print_fields({"name": typed})

    assert typed in capsys.readouterr().out


def test_lines_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields({"message": "one\r\ntwo"})

    shown = capsys.readouterr().out
    assert [line.strip() for line in shown.splitlines()][-1] == "two"
    assert "\N{REPLACEMENT CHARACTER}" not in shown
