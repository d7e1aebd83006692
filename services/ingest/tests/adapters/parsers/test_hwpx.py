"""HWPX: what is its own; what it has in common with HWP stands in test_hwp."""

import pytest
from growfit_documents import hangul, office

from ingest.adapters.parsers import hwpx
from ingest.adapters.parsers.archive import Limits
from ingest.adapters.parsers.page import Refused

ENCRYPTED = '<manifest xmlns:o="urn:m"><o:file-entry><o:encryption-data/></o:file-entry></manifest>'


def section(body: str) -> str:
    return f'<hs:sec xmlns:hs="{hangul.HS}" xmlns:hp="{hangul.HP}">{body}</hs:sec>'


def test_sections_come_in_the_order_of_their_numbers(read) -> None:
    more = {f"Contents/section{n}.xml": section(f"<hp:p><hp:run><hp:t>{n}구역</hp:t></hp:run></hp:p>") for n in (10, 2)}
    pages = read(hwpx.pages, hangul.hwpx([hangul.HangulParagraph("처음")], more=more))

    assert [page.text for page in pages] == ["처음", "2구역", "10구역"]


def test_what_is_repeated_or_hidden_is_left_out(read) -> None:
    inner = "<hp:subList><hp:p><hp:run><hp:t>{}</hp:t></hp:run></hp:p></hp:subList>"
    body = (
        "<hp:p><hp:run><hp:secPr/>"
        f"<hp:ctrl><hp:header>{inner.format('머리말')}</hp:header></hp:ctrl>"
        f"<hp:ctrl><hp:hiddenComment>{inner.format('숨은 설명')}</hp:hiddenComment></hp:ctrl>"
        "<hp:equation><hp:script>a over b</hp:script></hp:equation><hp:t>"
        "본문<hp:markpenBegin/>에<hp:nbSpace/>색이<hp:markpenEnd/> 있다<hp:lineBreak/>둘째 줄</hp:t></hp:run></hp:p>"
    )
    (page,) = read(hwpx.pages, hangul.hwpx(more={"Contents/section0.xml": section(body)}))

    assert page.text == "본문에 색이 있다\n둘째 줄"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (office.docx(1), "file_not_what_it_says"),
        (hangul.hwpx()[:700], "file_damaged"),
        (hangul.hwpx(more={"Contents/section0.xml": "<hs:sec"}), "file_damaged"),
        (office.rezipped(hangul.hwpx(), {"Contents/section0.xml": None}), "file_damaged"),
        (hangul.hwpx(more={"META-INF/manifest.xml": ENCRYPTED}), "file_encrypted"),
        (hangul.hwpx(more={"Contents/section0.xml": "<!DOCTYPE a><a/>"}), "xml_unsafe"),
        (hangul.hwpx(more={"../a": "x"}), "archive_unsafe"),
    ],
    ids=["word", "cut", "broken", "no section", "encrypted", "entities", "names"],
)
def test_what_is_refused(read, content, reason) -> None:
    with pytest.raises(Refused, match=f"^{reason}$"):
        read(hwpx.pages, content)


def test_the_limits_of_archives_hold(read) -> None:
    with pytest.raises(Refused, match=r"^archive_too_large$"):
        read(hwpx.pages, hangul.hwpx(), limits=Limits(entries=3))
