"""Pictures: small, valid, stable for a digest, different for another.

The vendor's addresses have no file extension, so the digest decides the format too: JPEG, PNG,
GIF or WebP. Each carries the digest as a comment, so no two are equal byte for byte.
"""

import struct
import zlib
from collections.abc import Callable

WIDTH, HEIGHT = 64, 48
type Colour = tuple[int, int, int]


def picture(digest: str) -> tuple[bytes, str]:
    """Draw the picture of a 40-digit hexadecimal digest.

    Returns
    -------
    tuple of bytes and str
        The file and its media type.
    """
    raw = bytes.fromhex(digest)
    draw, media_type = _FORMATS[raw[-1] % len(_FORMATS)]
    return draw((raw[0], raw[1], raw[2]), digest.encode()), media_type


def _png(colour: Colour, comment: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        checked = name + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    red, green, blue = colour
    rows = b"".join(
        b"\x00" + bytes((red, green, blue * line // HEIGHT)) * WIDTH for line in range(HEIGHT)
    )
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tEXt", b"Comment\x00" + comment)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def _gif(colour: Colour, comment: bytes) -> bytes:
    """One colour, never compressed: a clear code before the table would outgrow three bits."""
    clear, end, run = 4, 5, 2
    codes: list[int] = []
    for start in range(0, WIDTH * HEIGHT, run):
        codes += [clear, *([0] * min(run, WIDTH * HEIGHT - start))]
    data = _little_endian_bits([(code, 3) for code in [*codes, end]])
    blocks = b"".join(
        bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255)
    )
    table = bytes(colour) + b"\xff\xff\xff" + bytes(6)
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", WIDTH, HEIGHT, 0x91, 0, 0)
        + table
        + b"\x21\xfe"
        + bytes([len(comment)])
        + comment
        + b"\x00\x2c"
        + struct.pack("<HHHHB", 0, 0, WIDTH, HEIGHT, 0)
        + b"\x02"
        + blocks
        + b"\x00\x3b"
    )


def _webp(colour: Colour, comment: bytes) -> bytes:
    """Lossless with one symbol per alphabet, so that the pixels take no bits at all."""
    red, green, blue = colour
    bits = [(0x2F, 8), (WIDTH - 1, 14), (HEIGHT - 1, 14), (0, 1), (0, 3)]
    bits += [(0, 1), (0, 1), (0, 1)]  # no transform, no colour cache, one group of codes
    for symbol in (green, red, blue, 255):
        bits += [(1, 1), (0, 1), (1, 1), (symbol, 8)]
    bits += [(1, 1), (0, 1), (0, 1), (0, 1)]

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    has_xmp = 0b0000_0100
    canvas = struct.pack("<I", has_xmp)
    canvas += (WIDTH - 1).to_bytes(3, "little") + (HEIGHT - 1).to_bytes(3, "little")
    body = b"WEBP" + chunk(b"VP8X", canvas) + chunk(b"VP8L", _little_endian_bits(bits))
    body += chunk(b"XMP ", comment)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _jpeg(colour: Colour, comment: bytes) -> bytes:
    """Baseline, one colour: the first block carries it, every later one says "the same"."""
    red, green, blue = colour
    luma = round(0.299 * red + 0.587 * green + 0.114 * blue)
    levels = (luma, _chroma(blue - luma, 0.564), _chroma(red - luma, 0.713))
    bits: list[tuple[int, int]] = []
    for block in range((WIDTH // 8) * (HEIGHT // 8)):
        for level in levels:
            bits += _dc_code((level - 128) if block == 0 else 0)
            bits.append((0b0, 1))  # end of block, the only AC code
    scan = _big_endian_bits(bits).replace(b"\xff", b"\xff\x00")

    def segment(marker: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    components = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    return (
        b"\xff\xd8"
        + segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
        + segment(0xFE, comment)
        + segment(0xDB, b"\x00" + bytes([8] * 64))
        + segment(0xC0, struct.pack(">BHHB", 8, HEIGHT, WIDTH, 3) + components)
        + segment(0xC4, b"\x00" + bytes([0, 0, 0, 9, *[0] * 12]) + bytes(range(9)))
        + segment(0xC4, b"\x10" + bytes([1, *[0] * 15]) + b"\x00")
        + segment(0xDA, b"\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00")
        + scan
        + b"\xff\xd9"
    )


def _chroma(difference: int, share: float) -> int:
    return max(0, min(255, round(difference * share) + 128))


def _dc_code(value: int) -> list[tuple[int, int]]:
    """Category in four bits (the Huffman table above), then the value as JPEG writes it."""
    size = abs(value).bit_length()
    return [(size, 4), (value if value >= 0 else value + (1 << size) - 1, size)]


def _little_endian_bits(values: list[tuple[int, int]]) -> bytes:
    total, length = 0, 0
    for value, size in values:
        total |= value << length
        length += size
    return total.to_bytes((length + 7) // 8, "little")


def _big_endian_bits(values: list[tuple[int, int]]) -> bytes:
    """Pad the last byte with ones, as JPEG wants."""
    total, length = 0, 0
    for value, size in values:
        total = (total << size) | value
        length += size
    padding = -length % 8
    return ((total << padding) | ((1 << padding) - 1)).to_bytes((length + padding) // 8, "big")


_FORMATS: tuple[tuple[Callable[[Colour, bytes], bytes], str], ...] = (
    (_jpeg, "image/jpeg"),
    (_png, "image/png"),
    (_gif, "image/gif"),
    (_webp, "image/webp"),
)
