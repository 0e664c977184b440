import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.leads.phone_numbers import PhoneFields, sort_phone


@pytest.mark.parametrize(
    ("typed", "mobile"),
    [
        ("0412345678", "0412345678"),
        ("0412 345 678", "0412345678"),
        ("(0412) 345-678", "0412345678"),
        ("+61412345678", "+61412345678"),
        ("+61 412 345 678", "+61412345678"),
        ("+61 (0)412 345 678", "+61412345678"),
        ("0412\u2011345\u2011678", "0412345678"),
        ("\u00a00412.345.678 ", "0412345678"),
    ],
)
def test_australian_mobiles(typed: str, mobile: str) -> None:
    assert sort_phone(typed) == PhoneFields(mobile=mobile)


@pytest.mark.parametrize(
    ("typed", "phone"),
    [
        ("(02) 9999 1234", "0299991234"),
        ("+61 2 9999 1234", "+61299991234"),
        ("1300 123 456", "1300123456"),
        ("+64 21 123 4567", "+64211234567"),
        ("04123456789", "04123456789"),
        ("+6141234567", "+6141234567"),
        ("12345678901234567890", "12345678901234567890"),
    ],
)
def test_other_numbers(typed: str, phone: str) -> None:
    assert sort_phone(typed) == PhoneFields(phone=phone)


@pytest.mark.parametrize(
    "typed",
    [
        "123456789012345678901",
        "9999 1234 ext. 5",
        "call after five",
        "0412 345 678 / 02 9999 1234",
        "٠٤١٢٣٤٥٦٧٨",
        "+",
        "04+12345678",
        "---",
    ],
)
def test_what_is_no_single_number_goes_to_notes(typed: str) -> None:
    assert sort_phone(typed) == PhoneFields(unplaced=typed)


@pytest.mark.parametrize("typed", ["", "  ", "\t"])
def test_no_number(typed: str) -> None:
    assert sort_phone(typed) == PhoneFields()


@given(st.text(max_size=40))
def test_no_digit_is_lost(typed: str) -> None:
    sorted_ = sort_phone(typed)
    number = sorted_.mobile or sorted_.phone

    if number is None:
        assert (sorted_.unplaced or "").split() == typed.split()
    else:
        assert len(number) <= 20
        assert number.lstrip("+").isdecimal()
