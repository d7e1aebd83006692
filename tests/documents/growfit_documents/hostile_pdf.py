"""More PDFs that mean harm: loops, lies, two files in one, scripts, and pages that cost a day to draw."""

import zlib

from growfit_documents.assembly import FIRST_FREE, PAGES_ROOT, assemble, page, pages_of, show, stream
from growfit_documents.hostile import CONTENT, HELLO, PAGE, one_page
from growfit_documents.wrong import docx_like_zip


def hello_pdf() -> bytes:
    return assemble(one_page(stream(show(HELLO))))


def blank_pages_pdf(count: int = 10_000) -> bytes:
    """So many pages, with nothing on any of them."""
    kids = range(FIRST_FREE + 1, FIRST_FREE + 1 + count)
    return assemble({PAGES_ROOT: pages_of(*kids), CONTENT: stream(b""), **dict.fromkeys(kids, page(CONTENT))})


def previous_table_loop_pdf() -> bytes:
    """The table of offsets says that it follows itself."""
    whole = hello_pdf()
    start = whole.rindex(b"startxref\n") + len(b"startxref\n")
    offset = whole[start:].split(b"\n")[0]
    return whole.replace(b"/Root 1 0 R>>", b"/Root 1 0 R/Prev " + offset + b">>")


def own_length_pdf() -> bytes:
    """A stream whose length is the stream itself."""
    body = show(HELLO)
    return assemble(one_page(b"<</Length %d 0 R>>\nstream\n" % CONTENT + body + b"\nendstream"))


def lying_length_pdf() -> bytes:
    """A stream that claims two thousand million bytes."""
    return assemble(one_page(b"<</Length 2000000000>>\nstream\n" + show(HELLO) + b"\nendstream"))


def own_form_pdf() -> bytes:
    """A form that draws itself, and then the line."""
    form = PAGE + 1
    entries = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</XObject<</X0 %d 0 R>>>>" % form
    objects = one_page(stream(b"/X0 Do " + show(HELLO)), resources=b"/XObject<</X0 %d 0 R>>" % form)
    return assemble({**objects, form: stream(b"/X0 Do", entries)})


def outline_loop_pdf() -> bytes:
    """An outline whose entry comes after itself and below itself."""
    outline, entry = PAGE + 1, PAGE + 2
    objects = one_page(stream(show(HELLO)))
    objects[1] = b"<</Type/Catalog/Pages %d 0 R/Outlines %d 0 R>>" % (PAGES_ROOT, outline)
    objects[outline] = b"<</Type/Outlines/First %d 0 R/Last %d 0 R/Count 1>>" % (entry, entry)
    objects[entry] = b"<</Title(loop)/Parent %d 0 R/Next %d 0 R/First %d 0 R/Dest[%d 0 R/Fit]>>" % (
        outline, entry, entry, PAGE,
    )  # fmt: skip
    return assemble(objects)


def script_pdf() -> bytes:
    """Runs a script, starts a program and opens an address as soon as it is shown."""
    objects = one_page(stream(show(HELLO)))
    script = b"<</S/JavaScript/JS(app.launchURL\\('http://127.0.0.1:9/'\\))/Next<</S/Launch/F(/bin/sh)>>>>"
    objects[1] = b"<</Type/Catalog/Pages %d 0 R/OpenAction%b>>" % (PAGES_ROOT, script)
    return assemble(objects)


def foreign_file_pdf() -> bytes:
    """Its content is in another file, one of the machine's own."""
    return assemble(one_page(b"<</Length 0/F(/etc/passwd)/FFilter/ASCIIHexDecode>>\nstream\n\nendstream"))


def many_shapes_pdf(count: int = 300_000) -> bytes:
    """So many little lines, and the line of text."""
    content = zlib.compress(b"1 1 m 2 2 l S\n" * count + show(HELLO), 9)
    return assemble(one_page(stream(content, b"/Filter/FlateDecode")))


def dense_grid_pdf(lines: int = 250) -> bytes:
    """A grid with `lines` squared cells, for whoever looks for tables."""
    across = b"".join(b"10 %d m 590 %d l S\n" % (10 + 3 * at, 10 + 3 * at) for at in range(lines))
    down = b"".join(b"%d 10 m %d 780 l S\n" % (10 + 2 * at, 10 + 2 * at) for at in range(lines))
    return assemble(one_page(stream(zlib.compress(across + down + show(HELLO)), b"/Filter/FlateDecode")))


def huge_image_pdf(side: int = 30_000) -> bytes:
    """A page whose picture has `side` squared pixels, all white: 100 kB here, 900 MB once it is decoded."""
    packer = zlib.compressobj(9)
    row = b"\xff" * side
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    image = PAGE + 1
    entries = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray" % (side, side)
    objects = one_page(stream(b"500 0 0 700 40 60 cm /I0 Do"), resources=b"/XObject<</I0 %d 0 R>>" % image)
    return assemble({**objects, image: stream(packed, entries + b"/Filter/FlateDecode")})


def filter_tower_pdf(height: int = 2_000) -> bytes:
    """A stream that names `height` filters, one inside the other."""
    return assemble(one_page(stream(show(HELLO), b"/Filter[%b]" % (b"/ASCIIHexDecode" * height))))


def endless_name_pdf(length: int = 5_000_000) -> bytes:
    """A name and a number of five million characters."""
    packed = zlib.compress(b"/" + b"N" * length + b" gs " + b"9" * length + b" w\n" + show(HELLO), 9)
    return assemble(one_page(stream(packed, b"/Filter/FlateDecode")))


def wide_map_pdf() -> bytes:
    """A font that maps each of its letters to a thousand others."""
    mapping = b"1 beginbfrange\n<00> <FF> <" + b"AC00" * 1_000 + b">\nendbfrange"
    cmap = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
    cmap += b"1 begincodespacerange <00> <FF> endcodespacerange\n" + mapping + b"\nendcmap end end"
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode %d 0 R>>" % (PAGE + 1)
    return assemble({**one_page(stream(show(HELLO * 5))), 3: font, PAGE + 1: stream(cmap)})


def pdf_then_zip() -> bytes:
    """A sound PDF with a sound archive behind it: unzip opens it as well."""
    return hello_pdf() + docx_like_zip()


def html_then_pdf() -> bytes:
    """A page for a browser, a document for a reader."""
    return b"<html><script>alert(1)</script><!--\n" + hello_pdf() + b"\n--></html>"


def zip_then_pdf() -> bytes:
    """An archive whose first entry, stored as it is, is a PDF."""
    whole = docx_like_zip()
    return whole[:30] + hello_pdf() + whole[30:]
