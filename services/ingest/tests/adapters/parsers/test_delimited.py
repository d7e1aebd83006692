"""What separates the columns of a CSV, and its rows."""

import pytest

from ingest.adapters.parsers import delimited
from ingest.adapters.parsers.page import Refused

ROWS = (("이름", "비고", "점수"), ("김 하나", "성실, 조용함", "90"), ("이두리", "질문이\n많음", "85"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_separators_and_encodings_are_found_out(read, outline, separator: str, encoding: str) -> None:
    lines = [separator.join(f'"{cell}"' if set(cell) & {",", "\n"} else cell for cell in row) for row in ROWS]
    (page,) = read(delimited.pages, "\r\n".join(lines).encode(encoding))

    assert outline(page) == [
        ("header", "이름 | 비고 | 점수"),
        ("row", "김 하나 | 성실, 조용함 | 90"),
        ("row", "이두리 | 질문이 많음 | 85"),
    ]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("sep=;\n가;나\n", ";"),
        ("sep=\t\n가\t나\n", "\t"),
        ("sep=x\n가,나\n", ","),
        ("한 열\n둘\n", ","),
        ("가,나;다\n1,2;3\n", ","),
        ("금액;비고\n1,5;가\n2,5;나\n12;다", ";"),
        ("", ","),
    ],
)
def test_the_separator(text: str, separator: str) -> None:
    assert delimited.separator_of(text) == separator


def test_a_line_that_names_the_separator_is_no_row(read) -> None:
    (page,) = read(delimited.pages, "sep=;\n가;나\n\n;\n1;2\n".encode())

    assert page.text == "가 | 나\n1 | 2"


def test_long_files_have_pages_that_repeat_the_header(read) -> None:
    content = "번호,내용\n" + "".join(f"{number},글자가 여럿인 칸\n" for number in range(1000))
    pages = read(delimited.pages, content.encode())

    assert len(pages) > 3
    assert all(page.text.startswith("번호 | 내용\n") for page in pages)
    assert sum(page.text.count("글자가") for page in pages) == 1000


def test_bytes_that_are_no_text(read) -> None:
    with pytest.raises(Refused, match=r"^text_undecodable$"):
        read(delimited.pages, b"\xff\xff\xff\xff")


def test_a_quote_that_is_never_closed_does_not_swallow_the_file(read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "MAX_CHARACTERS", 1000)
    with pytest.raises(Refused, match=r"^file_damaged$"):
        read(delimited.pages, ('가,"' + "나" * 2000).encode())


def test_an_empty_file_has_no_page(read) -> None:
    assert read(delimited.pages, b"\n\n,,\n") == []


@pytest.mark.parametrize(("columns", "is_taken"), [(16_384, True), (16_385, False)])
def test_more_columns_than_a_table_may_have(read, columns: int, is_taken: bool) -> None:
    content = (",".join(["x"] * columns) + "\n").encode() * 2
    if is_taken:
        assert read(delimited.pages, content)
        return
    with pytest.raises(Refused, match=r"^table_too_large$"):
        read(delimited.pages, content)
