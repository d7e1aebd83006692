"""The picture is taken apart down to its modules, which must be those of the text."""

import struct
import zlib

import segno

from org_partner.service import qr_codes

URL = "https://growfit.example/join#code=7K3M-Q0XZ-9AVT-2HND"
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def pixels(png: bytes) -> list[list[int]]:
    """Of a grey or palette PNG with one bit a pixel, its rows as they are or as changes to the one above: 1 is dark."""
    assert png.startswith(SIGNATURE)
    place, data, head, palette = len(SIGNATURE), b"", b"", b""
    while place < len(png):
        (length,), kind = struct.unpack(">I", png[place : place + 4]), png[place + 4 : place + 8]
        body = png[place + 8 : place + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", png[place + 8 + length : place + 12 + length])[0]
        head, palette = (body if kind == b"IHDR" else head), (body if kind == b"PLTE" else palette)
        data += body if kind == b"IDAT" else b""
        place += 12 + length
    width, height, depth, _colour = struct.unpack(">IIBB", head[:10])
    assert depth == 1
    dark_is_set = palette[:3] != b"\x00\x00\x00" and palette != b""
    raw, stride = zlib.decompress(data), (width + 7) // 8 + 1
    rows: list[bytes] = []
    for start in range(0, height * stride, stride):
        kind, row = raw[start], raw[start + 1 : start + stride]
        assert kind in (0, 2)
        rows.append(row if kind == 0 else bytes((new + old) % 256 for new, old in zip(row, rows[-1], strict=True)))
    bits = [[(row[x // 8] >> (7 - x % 8)) & 1 for x in range(width)] for row in rows]
    return bits if dark_is_set else [[1 - bit for bit in row] for row in bits]


def test_the_picture_holds_the_text_and_nothing_else() -> None:
    grid = pixels(qr_codes.png(URL))

    module = 8
    sampled = [
        [grid[y][x] for x in range(module // 2, len(grid), module)] for y in range(module // 2, len(grid), module)
    ]
    expected = [list(row) for row in segno.make(URL, error="m", micro=False).matrix_iter(scale=1, border=4)]
    assert sampled == expected
    other = [list(row) for row in segno.make(URL + "X", error="m", micro=False).matrix_iter(scale=1, border=4)]
    assert sampled != other


def test_it_is_large_enough_to_be_read_and_has_its_quiet_zone() -> None:
    grid = pixels(qr_codes.png(URL))

    assert len(grid) == len(grid[0]) >= 250
    assert not any(any(row) for row in grid[:32])
    assert not any(any(row[:32]) for row in grid)
