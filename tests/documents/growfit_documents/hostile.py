"""Small PDFs, each at most 300 kB, that cost a careless parser its memory, its stack or its day.

All but the broken page trees hold HELLO, so a parser that survives can be seen to have read them.
"""

import zlib

from growfit_documents.assembly import FIRST_FREE, PAGES_ROOT, assemble, page, pages_of, show, stream

HELLO = "still standing"
CONTENT, PAGE = FIRST_FREE, FIRST_FREE + 1
MEBIBYTE = 1024 * 1024


def one_page(content: bytes, **options: bytes) -> dict[int, bytes]:
    return {PAGES_ROOT: pages_of(PAGE), CONTENT: content, PAGE: page(CONTENT, **options)}


def page_bomb_pdf(pages: int = 100_000) -> bytes:
    """Says `pages` pages and means it: one page object, reached again and again through a tree of shared nodes."""
    objects, node, held, kids = one_page(stream(show(HELLO))), PAGE, 1, []
    for digit in reversed(str(pages)):
        kids += [node] * int(digit)
        node, held = max(objects) + 1, held * 10
        objects[node] = pages_of(*[node - 1 if held > 10 else PAGE] * 10, count=held)
    objects[PAGES_ROOT] = pages_of(*kids, count=pages)
    return assemble(objects)


def false_count_pdf(claimed: int = 2_000_000_000) -> bytes:
    """One page, in a tree that claims to hold `claimed`."""
    objects = one_page(stream(show(HELLO)))
    objects[PAGES_ROOT] = pages_of(PAGE, count=claimed)
    return assemble(objects)


def deep_nesting_pdf(depth: int = 50_000) -> bytes:
    """An array in an array in an array …, `depth` times, among the page's resources."""
    return assemble(one_page(stream(show(HELLO)), resources=b"/ExtGState" + b"[" * depth + b"]" * depth))


def deep_page_tree_pdf(depth: int = 2_000) -> bytes:
    """One page under `depth` nodes that hold one node each."""
    objects = one_page(stream(show(HELLO)))
    for number in range(PAGE + 1, PAGE + 1 + depth):
        objects[number] = pages_of(number - 1, count=1)
    objects[PAGES_ROOT] = pages_of(PAGE + depth, count=1)
    return assemble(objects)


def cyclic_page_tree_pdf() -> bytes:
    """A page tree whose root is its own child."""
    return assemble({PAGES_ROOT: pages_of(PAGES_ROOT, PAGES_ROOT, count=4)})


def huge_page_pdf(side: int = 10_000_000) -> bytes:
    """A page of `side` by `side` points: about 3.5 km, and 10^14 pixels for whoever renders it at 72 dpi."""
    return assemble(one_page(stream(show(HELLO)), media_box=b"[0 0 %d %d]" % (side, side)))


def inflation_bomb_pdf(megabytes: int = 512) -> bytes:
    """A content stream, compressed twice, that inflates to `megabytes` MiB of blanks and then one line of text."""
    outer, inner = zlib.compressobj(9), zlib.compressobj(9)
    blanks, packed = b" " * MEBIBYTE, bytearray()
    for _ in range(megabytes):
        packed += outer.compress(inner.compress(blanks))
    packed += outer.compress(inner.compress(show(HELLO)) + inner.flush()) + outer.flush()
    return assemble(one_page(stream(bytes(packed), b"/Filter[/FlateDecode/FlateDecode]")))


def form_bomb_pdf(*, fanout: int = 10, depth: int = 8) -> bytes:
    """Forms that draw forms: `fanout` ** `depth` lines of text from `depth` objects."""
    first = PAGE + 1
    objects = one_page(stream(b"/X0 Do"), resources=b"/XObject<</X0 %d 0 R>>" % first)
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>%b>>"
    for level in range(depth):
        child = b"/XObject<</X0 %d 0 R>>" % (first + level + 1)
        objects[first + level] = stream(b"/X0 Do " * fanout, form % child)
    objects[first + depth] = stream(show(HELLO), form % b"")
    return assemble(objects)


def control_character_pdf() -> bytes:
    """Text whose font maps letters to NUL, a lone surrogate and a private-use character, before HELLO."""
    mapping = b"3 beginbfchar\n<41> <0000>\n<42> <D800>\n<43> <E000>\nendbfchar"
    cmap = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
    cmap += b"1 begincodespacerange <00> <FF> endcodespacerange\n" + mapping + b"\nendcmap end end"
    unicode_map = PAGE + 1
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode %d 0 R>>" % unicode_map
    return assemble({**one_page(stream(show(f"ABC {HELLO}"))), 3: font, unicode_map: stream(cmap)})
