"""Fetching pictures: over real HTTP where it may be, and what is never asked."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from forecourt.easycars.pictures import LARGEST_PICTURE, EasyCarsPictures, origin_of
from forecourt.errors import RetryableError, SkippableError
from tests.support.picture_server import PNG, PictureServer, cut, redirect_to


@pytest.fixture
def server() -> Iterator[PictureServer]:
    server = PictureServer()
    yield server
    server.close()


@pytest.fixture
def source(server: PictureServer) -> Iterator[EasyCarsPictures]:
    source = EasyCarsPictures([server.origin])
    yield source
    source.close()


def looking_up(*addresses: str) -> EasyCarsPictures:
    return EasyCarsPictures(["https://pictures.example"], look_up=lambda _host, _port: [*addresses])


def test_a_picture_is_fetched(server: PictureServer, source: EasyCarsPictures) -> None:
    assert source.fetch(server.picture("/a")) == PNG + b"/a"


def test_a_redirect_within_the_list_is_followed(
    server: PictureServer, source: EasyCarsPictures
) -> None:
    server.picture("/b")
    server.pictures["/a"] = redirect_to("/b")
    assert source.fetch(server.url("/a")) == PNG + b"/b"


@pytest.mark.parametrize(
    "elsewhere",
    ["http://169.254.169.254/latest/meta-data", "http://127.0.0.1:1/a", "file:///etc/passwd"],
)
def test_a_redirect_out_of_the_list_is_not(
    server: PictureServer, source: EasyCarsPictures, elsewhere: str
) -> None:
    server.pictures["/a"] = redirect_to(elsewhere)
    with pytest.raises(SkippableError, match="ORIGIN_NOT_ALLOWED"):
        source.fetch(server.url("/a"))


def test_a_circle_of_redirects_ends(server: PictureServer, source: EasyCarsPictures) -> None:
    server.pictures["/a"] = redirect_to("/a")
    with pytest.raises(SkippableError, match="TOO_MANY_REDIRECTS"):
        source.fetch(server.url("/a"))
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/a",
        "http://pictures.example/a",
        "https://pictures.example:8443/a",
        "https://pictures.example.evil.example/a",
        "https://user@pictures.example/a",
        "ftp://pictures.example/a",
        "//pictures.example/a",
        "https://pictures.example\\@evil.example/a",
        "https://[::1/a",
        "https://pictures.example:port/a",
        "",
        "https://pictures.example/" + "a" * 2000,
    ],
)
def test_other_origins_are_not_asked(url: str) -> None:
    with pytest.raises(SkippableError, match="ORIGIN_NOT_ALLOWED"):
        looking_up("127.0.0.1").fetch(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.7", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",  # noqa: S104
        "100.64.0.1", "224.0.0.1", "::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b:1::1", "64:ff9b::10.0.0.7", "64:ff9b::169.254.169.254",
        "2002:a00:7::1", "fec0::1",
    ],
)  # fmt: skip
def test_a_name_that_leads_inside_is_not_asked(address: str) -> None:
    with pytest.raises(SkippableError, match="ADDRESS_NOT_PUBLIC"):
        looking_up(address).fetch("https://pictures.example/a")


def test_one_inner_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(SkippableError, match="ADDRESS_NOT_PUBLIC"):
        looking_up("203.0.113.7", "127.0.0.1").fetch("https://pictures.example/a")


def test_the_connection_goes_to_the_address_that_was_judged(server: PictureServer) -> None:
    asked: list[str] = []

    def look_up(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["203.0.113.7"]

    port = server.origin.rpartition(":")[2]
    source = EasyCarsPictures([f"http://pictures.example:{port}"], look_up=look_up)
    server.picture("/a")
    assert source.fetch(f"http://pictures.example:{port}/a") == PNG + b"/a"
    assert asked == ["pictures.example"]
    source.close()


def test_a_link_local_address_is_refused_even_on_the_list() -> None:
    source = EasyCarsPictures(["http://169.254.169.254"])
    with pytest.raises(SkippableError, match="ADDRESS_NOT_PUBLIC"):
        source.fetch("http://169.254.169.254/latest/meta-data")


def test_a_name_that_cannot_be_looked_up_may_be_later() -> None:
    def look_up(_host: str, _port: int) -> list[str]:
        raise OSError

    source = EasyCarsPictures(["https://pictures.example"], look_up=look_up)
    with pytest.raises(RetryableError, match="ConnectError"):
        source.fetch("https://pictures.example/a")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204, 304])
def test_these_answers_are_final(
    server: PictureServer, source: EasyCarsPictures, status: int
) -> None:
    server.pictures["/a"] = status
    with pytest.raises(SkippableError, match=f"HTTP_{status}"):
        source.fetch(server.url("/a"))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_these_may_pass(server: PictureServer, source: EasyCarsPictures, status: int) -> None:
    server.pictures["/a"] = status
    with pytest.raises(RetryableError, match=f"HTTP_{status}"):
        source.fetch(server.url("/a"))


def test_half_a_picture_is_none(server: PictureServer, source: EasyCarsPictures) -> None:
    server.pictures["/a"] = cut
    with pytest.raises(RetryableError, match="RemoteProtocolError"):
        source.fetch(server.url("/a"))


def test_too_large_is_refused_before_all_of_it_came(
    server: PictureServer, source: EasyCarsPictures
) -> None:
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        try:
            while len(sent) < 100:
                handler.wfile.write(b"x" * 1024 * 1024)
                sent.append(1)
        except OSError:
            pass

    server.pictures["/a"] = endless
    with pytest.raises(SkippableError, match="TOO_LARGE"):
        source.fetch(server.url("/a"))
    assert len(sent) < 100


def test_the_largest_is_taken(server: PictureServer, source: EasyCarsPictures) -> None:
    server.pictures["/a"] = b"x" * LARGEST_PICTURE
    assert len(source.fetch(server.url("/a"))) == LARGEST_PICTURE


def test_an_empty_file_is_refused(server: PictureServer, source: EasyCarsPictures) -> None:
    server.pictures["/a"] = b""
    with pytest.raises(SkippableError, match="EMPTY"):
        source.fetch(server.url("/a"))


def test_a_server_that_drips_is_left(server: PictureServer) -> None:
    source = EasyCarsPictures([server.origin], seconds=0.3)

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.close_connection = True
        try:
            for _ in range(40):
                handler.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            pass

    server.pictures["/a"] = drip
    started = time.monotonic()
    with pytest.raises(RetryableError, match="ReadTimeout"):
        source.fetch(server.url("/a"))
    assert time.monotonic() - started < 1.5


def test_origins_are_compared_with_their_ports() -> None:
    assert origin_of("HTTPS://Pictures.Example/a") == "https://pictures.example:443"
