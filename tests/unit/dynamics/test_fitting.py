import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.dynamics.fitting import Fitted, Value, Wish, fit
from forecourt.dynamics.metadata import Column
from forecourt.text_limits import utf16_length

TEXT = Column(type="String", max_length=10)
LINES = Column(type="Memo", max_length=10)
WHOLE = Column(type="Integer", minimum=0, maximum=100)
DECIMAL = Column(type="Decimal", minimum=0, maximum=1)
HEAT = Column(type="Picklist", options={"Hot": 1, "Luke-warm": 2, "Very  Cold": 3, "cold": 4})
WEB = Column(type="Picklist", options={"Internet": 8, "Other": 10})


def fitted(column: Column, value: Value, **wish: object) -> Fitted:
    options = wish.pop("options", {})
    return fit(Wish(column="c", value=value, **wish), column, options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("column", "value", "held"),
    [
        (TEXT, " a \n b ", "a b"),
        (LINES, " a \n b ", "a \n b"),
        (TEXT, "0123456789", "0123456789"),
        (TEXT, "0123456789a", "012345678…"),
        (TEXT, "01234567\U0001f600", "01234567\U0001f600"),
        (TEXT, "012345678\U0001f600", "012345678…"),
        (TEXT, "a\x00b\ufffec\ud800", "abc"),
        (TEXT, "a\x0bb\x1c\x1dc", "a b c"),
        (TEXT, " \x01 ", None),
        (TEXT, 85, "85"),
        (TEXT, None, None),
        (WHOLE, 0, 0),
        (WHOLE, 100.0, 100),
        (DECIMAL, 0.25, 0.25),
        (DECIMAL, 1, 1),
        (Column(type="Boolean"), False, False),
        (Column(type="DateTime"), "2026-11-21T00:00:00Z", "2026-11-21T00:00:00Z"),
        (Column(type="BigInt"), 2**31 - 1, 2**31 - 1),
    ],
)
def test_what_fits_is_held(column: Column, value: Value, held: Value) -> None:
    result = fitted(column, value)

    assert (result.value, type(result.value)) == (held, type(held))


@pytest.mark.parametrize(
    ("column", "value", "note"),
    [
        (WHOLE, 101, "left out, as it is not from 0 to 100."),
        (WHOLE, -1, "left out, as it is not from 0 to 100."),
        (WHOLE, 0.5, "left out, as it is no whole number."),
        (WHOLE, "5", "left out, as it is no number."),
        (WHOLE, True, "left out, as it is no number."),
        (DECIMAL, float("nan"), "left out, as it is no number."),
        (DECIMAL, 1.01, "left out, as it is not from 0 to 1."),
        (Column(type="Integer"), 2**31, "left out, as it is not from -2147483647 to 2147483647."),
        (
            Column(type="Money"),
            10**12,
            "left out, as it is not from -100000000000 to 100000000000.",
        ),
        (TEXT, True, "left out, as a text column cannot hold yes or no."),
        (Column(type="Boolean"), "yes", "left out, as a column of type Boolean cannot hold it."),
        (Column(type="Lookup"), "x", "left out, as a column of type Lookup cannot hold it."),
        (Column(type="Hologram"), 1, "left out, as a column of type Hologram cannot hold it."),
    ],
)
def test_what_dataverse_would_refuse_is_left_out(column: Column, value: Value, note: str) -> None:
    assert fitted(column, value) == Fitted(value=None, note=note)


def test_a_text_that_says_something_else_when_cut_is_left_out() -> None:
    assert fitted(TEXT, "0123456789a", is_whole=True) == Fitted(
        value=None, note="left out, as it has more than 10 characters."
    )
    assert fitted(TEXT, "0123456789a").note == "cut to 10 characters."
    assert fitted(TEXT, "0123456789", is_whole=True) == Fitted(value="0123456789")


def test_a_column_that_does_not_tell_its_length_has_the_platforms() -> None:
    assert len(str(fitted(Column(type="String"), "x" * 101).value)) == 100
    assert len(str(fitted(Column(type="Memo"), "x" * 2001).value)) == 2000
    assert fitted(Column(type="String", max_length=0), "x") == Fitted(
        value=None, note="cut to 0 characters."
    )


@pytest.mark.parametrize(
    ("label", "integer"),
    [("Hot", 1), ("HOT", 1), ("luke warm", 2), ("LUKE_WARM", 2), ("very-cold", 3), ("Cold", 4)],
)
def test_a_label_is_found_whatever_its_case_and_gaps(label: str, integer: int) -> None:
    assert fitted(HEAT, label) == Fitted(value=integer)


def test_an_unknown_label_is_left_out_and_never_guessed() -> None:
    secret = "What the visitor wrote"
    note = fitted(HEAT, secret).note or ""

    assert fitted(HEAT, secret).value is None
    assert note == (
        "left out, as there is no integer for the lead's value in the connection's optionSets "
        "and no such option in the tenant."
    )
    assert secret not in note
    assert '"Tepid"' in (fitted(HEAT, "Tepid", is_ours=True).note or "")


def test_two_options_of_one_name_are_told_apart_by_nobody() -> None:
    doubled = Column(type="Picklist", options={"Hot": 1, "HOT": 2})

    assert fitted(doubled, "hot").value is None


def test_a_configured_integer_wins_and_is_checked_against_the_tenant() -> None:
    assert fitted(HEAT, "Hot", options={"hot": 3}) == Fitted(value=3)
    assert fitted(Column(type="Picklist"), "Hot", options={"Hot": 7}) == Fitted(value=7)
    assert fitted(HEAT, "Hot", options={"Hot": 9}) == Fitted(
        value=None, note="left out, as the tenant has no option 9, which is configured for it."
    )


def test_another_name_of_the_option_is_tried_in_turn() -> None:
    sizes = Column(type="Picklist", options={"Small (1-50)": 816_940_000})

    assert fitted(sizes, "Small (1-50)", other_labels=("small",)).value == 816_940_000
    assert fitted(
        sizes, "Small (1-50)", other_labels=("small",), options={"small": 816_940_000}
    ) == Fitted(value=816_940_000)
    assert fitted(Column(type="Picklist"), "Small (1-50)", options={"large": 1}).value is None


def test_a_choice_that_only_configuration_can_map_is_not_matched_by_name() -> None:
    assert fitted(HEAT, "Hot", only_configured=True, is_ours=True) == Fitted(
        value=None,
        note='left out, as there is no integer for "Hot" in the connection\'s optionSets.',
    )
    assert fitted(HEAT, "Hot", only_configured=True, options={"Hot": 2}).value == 2


def test_a_stock_integer_stands_where_the_tenant_kept_it_whatever_its_label() -> None:
    assert fitted(WEB, "Web", integer=8) == Fitted(value=8)
    assert fitted(Column(type="Picklist"), "Web", integer=8) == Fitted(value=8)
    own = Column(type="Picklist", options={"Web": 100_000_001, "Other": 10})
    assert fitted(own, "Web", integer=8) == Fitted(value=100_000_001)
    gone = Column(type="Picklist", options={"Other": 10})
    assert fitted(gone, "Web", integer=8).value is None


@given(st.text(), st.integers(0, 30), st.booleans(), st.sampled_from(["String", "Memo"]))
def test_any_text_is_within_the_column_in_utf_16_units_and_in_xml(
    text: str, limit: int, whole: bool, kind: str
) -> None:
    held = fitted(Column(type=kind, max_length=limit), text, is_whole=whole).value

    assert held is None or isinstance(held, str)
    if held is not None:
        assert 0 < utf16_length(held) <= limit
        assert held.encode()
        assert not any((c < " " and c not in "\t\r\n") or c in "\ufffe\uffff" for c in held)


@given(st.integers() | st.floats(), st.sampled_from(["Integer", "BigInt", "Decimal", "Double"]))
def test_any_number_is_in_range_or_left_out(number: float, kind: str) -> None:
    result = fitted(Column(type=kind, minimum=-5, maximum=5), number)

    assert (result.value is None) != (result.note is None)
    assert result.value is None or -5 <= float(result.value) <= 5
