"""Which files are pictures: by their first bytes, whatever anybody calls them."""

import pytest

from forecourt.images.formats import format_of


@pytest.mark.parametrize(
    ("body", "extension", "media_type"),
    [
        (b"\xff\xd8\xff\xe0 JFIF", "jpg", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n rest", "png", "image/png"),
        (b"GIF87a rest", "gif", "image/gif"),
        (b"GIF89a rest", "gif", "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 rest", "webp", "image/webp"),
    ],
)
def test_the_four_formats_every_browser_shows(body: bytes, extension: str, media_type: str) -> None:
    found = format_of(body)
    assert found is not None
    assert (found.extension, found.media_type) == (extension, media_type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<!doctype html><img src=x onerror=alert(1)>",
        b"%PDF-1.7",
        b"BM bitmap",
        b"II*\x00 tiff",
        b"RIFF\x10\x00\x00\x00WAVEfmt ",
        b"RIFF\x10\x00\x00\x00WEBP",
        b"\x89PNG",
        b" \xff\xd8\xff",
        b"PK\x03\x04",
    ],
)
def test_anything_else_is_no_picture(body: bytes) -> None:
    assert format_of(body) is None
