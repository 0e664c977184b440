import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.dynamics.person_names import split_name


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Siobhán O'Connor", "Siobhán", "O'Connor"),
        ("Jürgen Müller-Lüdenscheidt", "Jürgen", "Müller-Lüdenscheidt"),
        ("Mary Jane Watson", "Mary Jane", "Watson"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Ana de la Cruz", "Ana", "de la Cruz"),
        ("Thi Van Nguyen", "Thi Van", "Nguyen"),
        ("van Dyke", "van", "Dyke"),
        ("Zoë", None, "Zoë"),
        ("李明", None, "李明"),
        ("O'Brien, Zoë", "Zoë", "O'Brien"),
        ("van Dyke, Dick", "Dick", "van Dyke"),
        ("John Smith, PhD", "John Smith,", "PhD"),
        ("Smith,", None, "Smith,"),
        (", Zoë", ",", "Zoë"),
        ("  Zoë \t Nguyen ", "Zoë", "Nguyen"),
        ("", None, None),
        (" ", None, None),
    ],
)
def test_a_name_is_parted_as_people_read_it(name: str, first: str | None, last: str | None) -> None:
    assert split_name(name) == (first, last)


WORDS = st.sampled_from(["van", "de", "O'Brien", "Zoë", "Müller,", ",", "李", "x" * 60])


@given(st.text(max_size=80) | st.lists(WORDS).map(" ".join))
def test_every_word_stands_in_one_of_the_two(name: str) -> None:
    first, last = split_name(name)

    words = f"{first or ''} {last or ''}".replace(",", " ").split()
    assert sorted(words) == sorted(name.replace(",", " ").split())
    assert (last is None) == (not name.split())
