import struct
import zlib

import pytest

from local.easycars_simulator.images import HEIGHT, WIDTH, picture

BEGINNINGS = {
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF",
}


def digest_ending_in(last: int, first: int = 0x11) -> str:
    return bytes([first, *range(1, 19), last]).hex()


def test_all_four_formats_are_drawn() -> None:
    drawn = [picture(digest_ending_in(last)) for last in range(4)]
    assert [media_type for _, media_type in drawn] == list(BEGINNINGS)
    for raw, media_type in drawn:
        assert raw.startswith(BEGINNINGS[media_type])


@pytest.mark.parametrize("last", range(4))
def test_a_digest_always_gives_the_same_bytes_and_another_digest_others(last: int) -> None:
    same, other = digest_ending_in(last), digest_ending_in(last, first=0x12)
    assert picture(same) == picture(same)
    assert picture(same)[0] != picture(other)[0]


@pytest.mark.parametrize("last", range(4))
def test_digests_of_the_same_colour_still_differ(last: int) -> None:
    first = bytes([1, 2, 3, *[0] * 16, last]).hex()
    second = bytes([1, 2, 3, *[9] * 16, last]).hex()
    assert picture(first)[0] != picture(second)[0]


def test_a_png_unpacks_to_its_size() -> None:
    raw, _ = picture(digest_ending_in(1))
    data, at = b"", 8
    while at < len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        name, content = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", raw[at + 8 + length : at + 12 + length])
        assert checksum == zlib.crc32(name + content)
        data += content if name == b"IDAT" else b""
        at += 12 + length
    assert len(zlib.decompress(data)) == HEIGHT * (1 + 3 * WIDTH)


def test_a_webp_says_its_own_length() -> None:
    raw, _ = picture(digest_ending_in(3))
    assert struct.unpack("<I", raw[4:8]) == (len(raw) - 8,)
    assert raw[8:16] == b"WEBPVP8X"


def test_a_gif_and_a_jpeg_end_as_they_should() -> None:
    assert picture(digest_ending_in(2))[0].endswith(b"\x00\x3b")
    assert picture(digest_ending_in(0))[0].endswith(b"\xff\xd9")
