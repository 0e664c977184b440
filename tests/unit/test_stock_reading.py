"""The stock number is found without parsing, and is always the one parsing would find."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.easycars.stock_mapping import stock_number_of
from forecourt.easycars.stock_reading import EasyCarsStockReading
from forecourt.errors import SkippableError


def found(raw: bytes) -> str | None:
    try:
        return EasyCarsStockReading().stock_number_of(msgspec.Raw(raw))
    except SkippableError:
        return None


@pytest.mark.parametrize(
    "raw",
    [
        b'{"YardCode":"100","YardName":"a \\" b","StockNumber":" 12 "}',
        b' {\n "Price" : 1.5 , "Sold":null,"StockNumber" :\t"12" }',
        b'{"Note":"\\"StockNumber\\":\\"99\\"","StockNumber":"12"}',
        b'{"Extra":{"StockNumber":"99"},"StockNumber":"12"}',
        b'{"Extra":["x"],"StockNumber":12}',
        b'{"StockNumber":"\\u0031\\u0032"}',
        b'{"StockNumber":"12\\u0000"}',
    ],
)
def test_only_the_items_own_stock_number_counts(raw: bytes) -> None:
    assert found(raw) == "12"


@pytest.mark.parametrize(
    "raw", [b"{}", b'{"StockNumber":null}', b'{"StockNumber":"  "}', b"7", b"null", b'"text"']
)
def test_an_item_without_one_is_skipped(raw: bytes) -> None:
    assert found(raw) is None


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["StockNumber", "a", '"']), inner, max_size=3),
    ),
    max_leaves=6,
)


@given(
    item=st.dictionaries(st.sampled_from(["StockNumber", "Make", 'b"', "Ymir\\"]), values),
    is_ascii=st.booleans(),
)
def test_what_is_found_is_what_parsing_finds(item: dict[str, object], *, is_ascii: bool) -> None:
    raw = json.dumps(item, ensure_ascii=is_ascii).encode()
    assert found(raw) == stock_number_of(raw)
