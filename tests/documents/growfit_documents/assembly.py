"""PDF files put together by hand, for shapes that no PDF library agrees to write."""

CATALOG, PAGES_ROOT, FONT, FIRST_FREE = 1, 2, 3, 4
HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
MEDIA_BOX = b"[0 0 595 842]"


def stream(body: bytes, entries: bytes = b"") -> bytes:
    return b"<<" + entries + b"/Length %d>>\nstream\n" % len(body) + body + b"\nendstream"


def show(text: str) -> bytes:
    """Page content that writes one ASCII line."""
    return b"BT /F1 12 Tf 72 720 Td (" + text.encode("ascii") + b") Tj ET"


def page(contents: int, *, media_box: bytes = MEDIA_BOX, resources: bytes = b"") -> bytes:
    fonts = b"/Font<</F1 %d 0 R>>" % FONT
    return (
        b"<</Type/Page/Parent %d 0 R/MediaBox%b/Contents %d 0 R/Resources<<%b%b>>>>"
        % (PAGES_ROOT, media_box, contents, fonts, resources)
    )  # fmt: skip


def pages_of(*kids: int, count: int | None = None) -> bytes:
    """A node of the page tree; `count` is what it claims to hold."""
    references = b" ".join(b"%d 0 R" % kid for kid in kids)
    return b"<</Type/Pages/Kids[%b]/Count %d>>" % (references, len(kids) if count is None else count)


def assemble(objects: dict[int, bytes]) -> bytes:
    """A file of these numbered objects, a catalogue that names PAGES_ROOT, a font, and a sound table of offsets."""
    catalog = b"<</Type/Catalog/Pages %d 0 R>>" % PAGES_ROOT
    every = dict(sorted({CATALOG: catalog, FONT: HELVETICA, **objects}.items()))
    body, offsets = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), {}
    for number, content in every.items():
        offsets[number] = len(body)
        body += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    start, size = len(body), max(every) + 1
    body += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        free = number not in offsets
        body += b"%010d %05d %b \n" % (offsets.get(number, 0), 0, b"f" if free else b"n")
    body += b"trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, CATALOG, start)
    return bytes(body)
