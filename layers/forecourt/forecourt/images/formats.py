"""Which kind of picture some bytes are; the vendor's addresses have no file extension."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """A format that every browser shows."""

    media_type: str
    extension: str


_JPEG = PictureFormat("image/jpeg", "jpg")
_PNG = PictureFormat("image/png", "png")
_GIF = PictureFormat("image/gif", "gif")
_WEBP = PictureFormat("image/webp", "webp")


def format_of(body: bytes) -> PictureFormat | None:
    """Tell the format by the first bytes, whatever the server calls it; None for none of ours.

    Source: WHATWG MIME Sniffing Standard, section 6.1.

    Examples
    --------
    >>> format_of(b"GIF89a...").extension
    'gif'
    """
    if body.startswith(b"\xff\xd8\xff"):
        return _JPEG
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return _PNG
    if body.startswith((b"GIF87a", b"GIF89a")):
        return _GIF
    if body.startswith(b"RIFF") and body[8:14] == b"WEBPVP":
        return _WEBP
    return None
