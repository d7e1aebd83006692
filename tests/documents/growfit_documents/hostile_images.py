"""Pictures that mean harm: too many pixels, lies about them, loops, and two files in one."""

import io
import struct
import zlib

from PIL import Image

from growfit_documents.pictures import encoded, image_bytes, picture, tiff_of_pages


def white_png(side: int = 20_000) -> bytes:
    """`side` squared pixels of one bit each: some 50 kB here."""
    target = io.BytesIO()
    Image.new("1", (side, side), 1).save(target, "PNG")
    return target.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def claiming_png(width: int = 2**31 - 1, height: int = 2**31 - 1) -> bytes:
    """Says that it has 4 * 10^18 pixels, and holds none."""
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def text_chunk_bomb_png(megabytes: int = 300) -> bytes:
    """A comment in a PNG that inflates to `megabytes` MiB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(megabytes)) + packer.flush()
    whole = image_bytes("PNG")
    head = whole.index(b"IDAT") - 4
    return whole[:head] + chunk(b"zTXt", b"Comment\x00\x00" + packed) + whole[head:]


def looping_tiff() -> bytes:
    """A TIFF whose page is followed by itself."""
    whole = bytearray(encoded(picture().resize((300, 60)), "TIFF"))
    directory = struct.unpack_from("<I", whole, 4)[0]
    entries = struct.unpack_from("<H", whole, directory)[0]
    struct.pack_into("<I", whole, directory + 2 + 12 * entries, directory)
    return bytes(whole)


def deep_tiff(pages: int = 6) -> bytes:
    """More pages than may be recognised."""
    return tiff_of_pages(pages)


def lying_strip_tiff() -> bytes:
    """Its pixels are said to begin and to end far outside of the file."""
    whole = bytearray(encoded(picture().resize((300, 60)), "TIFF"))
    directory = struct.unpack_from("<I", whole, 4)[0]
    for number in range(struct.unpack_from("<H", whole, directory)[0]):
        at = directory + 2 + 12 * number
        tag = struct.unpack_from("<H", whole, at)[0]
        if tag in (273, 279):
            struct.pack_into("<I", whole, at + 8, 0x7FFFFF00)
    return bytes(whole)


def gif_script() -> bytes:
    """A picture for one program, a script for another."""
    return b"GIF89a/*" + bytes([1, 0, 1, 0]) + b"*/=1;alert(document.cookie)//;"


def half_jpeg() -> bytes:
    whole = image_bytes("JPEG")
    return whole[: len(whole) // 3]


def head_of_webp() -> bytes:
    return image_bytes("WEBP")[:64]
