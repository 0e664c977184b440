"""Slicing the stock answer: any order of keys, odd items, broken bodies, memory."""

import gzip
import hashlib
import tracemalloc
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from forecourt.easycars.stock_mapping import decode_stock_item, map_stock_item
from forecourt.errors import AuthenticationError, PermanentError, RetryableError
from tests.support.easycars import CREDENTIALS, ScriptedVendor


def fetch(body: bytes, *, tries: int = 1, headers: dict[str, str] | None = None) -> list[bytes]:
    vendor = ScriptedVendor()
    vendor.will(
        "GetAdvertisementStocks",
        *(httpx.Response(200, content=body, headers=headers) for _ in range(tries)),
    )
    return [bytes(item) for item in vendor.client.fetch_stock(CREDENTIALS).items]


@pytest.mark.parametrize(
    "body",
    [
        b'{"StockList":[{"StockNumber":"1"}, {"a":[1,{"b":null}]}],"Code":0,"ErrorMessage":null}',
        b'{"Code":0,"ErrorMessage":null,"StockList":[{"StockNumber":"1"}, {"a":[1,{"b":null}]}]}',
        b'{"New":{"x":[]},"StockList":[{"StockNumber":"1"}, {"a":[1,{"b":null}]}],"Code":"0"}',
        b'\xef\xbb\xbf{"StockList":[{"StockNumber":"1"}, {"a":[1,{"b":null}]}],"Code":0}',
        (
            b'{"Code":9,"Code":0,"StockList":[],"StockList":'
            b'[{"StockNumber":"1"}, {"a":[1,{"b":null}]}]}'
        ),
    ],
)
def test_items_are_slices_of_the_body_as_they_came(body: bytes) -> None:
    assert fetch(body) == [b'{"StockNumber":"1"}', b'{"a":[1,{"b":null}]}']


def test_an_item_can_be_hashed_without_being_parsed() -> None:
    vendor = ScriptedVendor()
    vendor.will("GetAdvertisementStocks", {"StockList": [{"StockNumber": "1"}], "Code": 0})

    feed = vendor.client.fetch_stock(CREDENTIALS)

    assert isinstance(feed.items[0], msgspec.Raw)
    digest = hashlib.sha256(feed.items[0]).digest()
    assert digest == hashlib.sha256(b'{"StockNumber":"1"}').digest()
    assert feed.body_bytes == len(b'{"StockList":[{"StockNumber":"1"}],"Code":0}')


def test_one_malformed_item_never_sinks_the_list() -> None:
    items = fetch(
        b'{"StockList":[null,"x",7,[],{"StockNumber":"1","YearGroup":"no year"},'
        b'{"StockNumber":"2","YearGroup":2020,"Make":"\xff\xfe"},'
        b'{"StockNumber":"3","YearGroup":2020,"Price":1e999}],"Code":0}'
    )

    assert len(items) == 7


def test_half_an_emoji_never_sinks_the_list() -> None:
    items = fetch(
        rb'{"StockList":[{"StockNumber":"1","YearGroup":2020,"Make":"\ud83d\ude00 \ud83d"},'
        rb'{"StockNumber":"2"}],"Code":0}'
    )

    assert [len(items), items[1]] == [2, b'{"StockNumber":"2"}']
    assert map_stock_item(decode_stock_item(items[0])).make == "\U0001f600 \ufffd"


def test_a_compressed_feed_is_read() -> None:
    body = gzip.compress(b'{"StockList":[{"StockNumber":"1"}],"Code":0}')

    assert fetch(body, headers={"Content-Encoding": "gzip"}) == [b'{"StockNumber":"1"}']


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"<html><body>Under maintenance</body></html>",
        b'{"StockList":[{"StockNumber":"1"},{"Stock',
        b'{"StockList":[{"StockNumber":"1"}]}',
        b'{"StockList":[{"StockNumber":"1"}],"Code":null}',
        b'{"StockList":[{"StockNumber":"1"}],"Code":0}<!-- -->',
        b'{"StockList":[{"Price":NaN}],"Code":0}',
        b'[{"StockNumber":"1"}]',
        b'{"StockList":[' + b"[" * 200_000 + b"]" * 200_000 + b'],"Code":0}',
    ],
)
def test_a_body_that_is_no_stock_answer_is_retryable(body: bytes) -> None:
    with pytest.raises(RetryableError, match="UNREADABLE_ANSWER"):
        fetch(body, tries=3)


def test_the_code_is_judged_before_the_list() -> None:
    vendor = ScriptedVendor()
    refused = {"StockList": "Invalid token.", "Code": 1, "ErrorMessage": "Invalid token."}
    vendor.will("GetAdvertisementStocks", refused, refused)

    with pytest.raises(AuthenticationError):
        vendor.client.fetch_stock(CREDENTIALS)


def test_an_empty_list_is_a_list_and_a_missing_one_is_not() -> None:
    assert fetch(b'{"StockList":[],"Code":0}') == []
    with pytest.raises(PermanentError, match="MISSING_PAYLOAD"):
        fetch(b'{"Code":0,"ErrorMessage":null}')


def test_a_small_answer_is_bounded() -> None:
    vendor = ScriptedVendor()
    vendor.will("SearchContacts", httpx.Response(200, content=b" " * 1_000_001))

    with pytest.raises(PermanentError, match="ANSWER_TOO_LARGE"):
        vendor.client.search_contacts(CREDENTIALS, email="a@b.c")


class Pieces(httpx.SyncByteStream):
    """A body that arrives in pieces which nobody keeps, as from a socket."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return (self._body[start : start + 65_536] for start in range(0, len(self._body), 65_536))


def test_the_body_is_in_memory_once() -> None:
    item = b'{"StockNumber":"1","AdvDescription":"' + b"x" * 20_000 + b'"}'
    body = b'{"StockList":[' + b",".join([item] * 1000) + b'],"Code":0}'

    vendor = ScriptedVendor()
    vendor.will("GetAdvertisementStocks", httpx.Response(200, stream=Pieces(body)))
    vendor.client.request_token(CREDENTIALS)
    tracemalloc.start()
    try:
        feed = vendor.client.fetch_stock(CREDENTIALS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(feed.items) == 1000
    assert peak < len(body) * 1.35
