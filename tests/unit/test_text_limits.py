import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.text_limits import cut_code_points, cut_utf16, shorten_utf16, utf16_length

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


@pytest.mark.parametrize(("text", "units"), [("", 0), ("Zoë", 3), ("\U0001f600", 2), (FAMILY, 8)])
def test_length_is_counted_as_dotnet_counts(text: str, units: int) -> None:
    assert utf16_length(text) == units == len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("ab cd", 3, "ab"),
        ("ab\U0001f600", 3, "ab"),
        ("ab\U0001f600", 4, "ab\U0001f600"),
        ("abe\u0301", 3, "ab"),
        ("ab" + FAMILY, 9, "ab"),
        ("a\U0001f44d\U0001f3fd", 4, "a"),
        ("a" + "\u0301" * 50, 20, "a" + "\u0301" * 19),
        (FAMILY, 4, "\U0001f468\u200d"),
    ],
)
def test_a_cut_leaves_no_broken_character(text: str, limit: int, cut: str) -> None:
    assert cut_utf16(text, limit) == cut


@given(st.text(), st.integers(1, 30))
def test_a_cut_is_a_start_of_the_text_that_fits(text: str, limit: int) -> None:
    cut = cut_utf16(text, limit)

    assert text.startswith(cut)
    assert utf16_length(cut) <= limit
    assert (cut == text) == (utf16_length(text) <= limit)


@given(st.text(), st.integers(1, 30))
def test_code_points_are_counted_as_postgresql_counts(text: str, limit: int) -> None:
    cut = cut_code_points(text, limit)

    assert text.startswith(cut)
    assert len(cut) <= limit
    assert (cut == text) == (len(text) <= limit)


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("ab cd", 4, "ab…"),
        ("ab\U0001f600d", 4, "ab…"),
        ("abcd", 1, "…"),
        ("abcd", 0, ""),
        ("", 0, ""),
    ],
)
def test_a_shortened_text_shows_that_it_goes_on(text: str, limit: int, shown: str) -> None:
    assert shorten_utf16(text, limit) == shown


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 40))
def test_a_shortened_text_is_within_its_limit(text: str, limit: int) -> None:
    shown = shorten_utf16(text, limit)

    assert utf16_length(shown) <= limit
    assert shown == text or text.startswith(shown.removesuffix("…"))
