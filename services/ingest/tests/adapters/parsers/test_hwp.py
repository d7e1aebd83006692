"""HWP 5: its records, what they stand for, and what is refused."""

import struct
import zlib

import pytest
from growfit_documents import hangul, office
from growfit_documents.hangul import HangulParagraph, HangulTable, hwp_record
from growfit_documents.ole import ole_file

from ingest.adapters.parsers import hwp, hwpx
from ingest.adapters.parsers.hwp_records import Limits
from ingest.adapters.parsers.page import Refused

BOTH = pytest.mark.parametrize(("reader", "make"), [(hwp, hangul.hwp), (hwpx, hangul.hwpx)], ids=["HWP", "HWPX"])


@BOTH
def test_both_kinds_give_the_same_pages(read, outline, reader, make) -> None:
    first, second = read(reader.pages, make())

    assert outline(first) == [
        ("heading", 1, "제1장 총칙"),
        ("paragraph", "이 규정은 학사 운영에 필요한 사항을 정한다."),
        ("paragraph", "2026년 3월에 고쳤다."),
        ("item", "첫째 항목"),
        ("item", "둘째 항목"),
        ("header", "이름 | 과목 | 점수"),
        ("row", "김하나 | 국어 | 90"),
        ("row", "이두리 | 수학 | 85"),
    ]
    assert outline(second) == [
        ("heading", 2, "적용 범위"),
        ("paragraph", "모든 학생에게\t적용한다."),
        ("paragraph", "글상자의 글"),
    ]


@BOTH
def test_merged_cells_and_boxes(read, outline, reader, make) -> None:
    merged = HangulTable((("구", "인구", ""), ("서울", "남", "1"), ("", "여", "2")), {(0, 1): (1, 2), (1, 0): (2, 1)})
    paragraphs = [HangulParagraph(table=merged), HangulParagraph(table=HangulTable((("상자의 글",),)))]
    (page,) = read(reader.pages, make(paragraphs))

    assert outline(page) == [
        ("header", "구 | 인구"),
        ("row", "서울 | 남 | 1"),
        ("row", "서울 | 여 | 2"),
        ("paragraph", "상자의 글"),
    ]


@BOTH
def test_long_documents_are_cut_between_blocks(read, reader, make) -> None:
    pages = read(reader.pages, make([HangulParagraph("문장이다. " * 100) for _ in range(12)]))

    assert [len(page.blocks) for page in pages] == [4, 4, 4]


@BOTH
def test_characters_beyond_the_first_plane_and_empty_documents(read, reader, make) -> None:
    (page,) = read(reader.pages, make([HangulParagraph("이모지 🎓 & <뷁>")]))

    assert page.text == "이모지 🎓 & <뷁>"
    assert read(reader.pages, make([HangulParagraph()])) == []


def test_a_file_that_is_not_deflated(read) -> None:
    assert len(read(hwp.pages, hangul.hwp(flags=0))) == 2


def test_long_records_say_their_size_behind_their_head(read) -> None:
    text = "긴 문장 " * 700
    pages = read(hwp.pages, hangul.hwp([HangulParagraph(text)]))

    assert " ".join(page.text for page in pages).split() == text.split()


DEEP = b"".join(hwp_record(tag, min(level, 1023), bytes(24)) for level, tag in enumerate([66, 71] * 2000))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "file_not_what_it_says"),
        (office.docx(1), "file_not_what_it_says"),
        (b"HWP Document File V3.00 \x1a\x01\x02\x03\x04\x05", "file_not_what_it_says"),
        (ole_file({"WordDocument": bytes(100)}), "file_not_what_it_says"),
        (ole_file({"FileHeader": bytes(256)}), "file_not_what_it_says"),
        (hangul.hwp(flags=0b11), "file_encrypted"),
        (hangul.hwp(flags=0b10001), "file_encrypted"),
        (hangul.hwp(flags=0b101), "hwp_distribution"),
        (hangul.hwp()[:1500], "file_damaged"),
        (hangul.hwp(body=b"\xff" * 300), "file_damaged"),
        (hangul.hwp(flags=0, body=struct.pack("<I", 66 | 4000 << 20)), "file_damaged"),
        (hangul.hwp(flags=0, body=hwp_record(66, 0, b"")), "file_damaged"),
        (
            hangul.hwp(
                flags=0,
                body=hwp_record(66, 0, bytes(24))
                + hwp_record(71, 1, b" lbt" + bytes(4))
                + hwp_record(77, 2, bytes(8))
                + hwp_record(72, 2, bytes(4))
                + hwp_record(72, 2, b""),
            ),
            "file_damaged",
        ),
    ],
    ids=[
        "empty",
        "word",
        "HWP 3",
        "an old word file",
        "no signature",
        "password",
        "DRM",
        "distribution",
        "cut",
        "not deflated",
        "too long a record",
        "too short a paragraph",
        "too short a cell",
    ],
)
def test_what_is_refused(read, content, reason) -> None:
    with pytest.raises(Refused, match=f"^{reason}$"):
        read(hwp.pages, content)


def test_a_bomb_is_inflated_no_further_than_allowed(read) -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = deflate.compress(bytes(3_000_000)) + deflate.flush()
    with pytest.raises(Refused, match=r"^archive_too_large$"):
        read(hwp.pages, hangul.hwp(body=bomb), limits=Limits(total_bytes=1_000_000))


def test_records_that_are_nested_without_end(read) -> None:
    assert read(hwp.pages, hangul.hwp(flags=0, body=DEEP)) == []
