"""What becomes of a file's name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.service.intake import MAX_TITLE, clean_title


@pytest.mark.parametrize(
    ("sent", "title"),
    [
        ("보고서.pdf", "보고서.pdf"),
        (unicodedata.normalize("NFD", "한글 보고서.pdf"), "한글 보고서.pdf"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\kim\\보고서.pdf", "보고서.pdf"),
        ("\\\\server\\share\\a.md", "a.md"),
        ("/", "untitled"),
        ("\u202e.", "untitled"),
        ("../..", "untitled"),
        ("", "untitled"),
        (" \t\n ", "untitled"),
        ("\u200b\u2060", "untitled"),
        ("줄\n바꿈\r\n\t칸.txt", "줄 바꿈 칸.txt"),
        ("널\x00벨\x07지움\x7f.txt", "널벨지움.txt"),
        ("청구서\u202efdp.txt", "청구서fdp.txt"),
        ("\u2066격리\u2069.md", "격리.md"),
        ("전각\u3000공백\u00a0과\u202f좁은.pdf", "전각 공백 과 좁은.pdf"),
        ("가" * 300 + ".pdf", "가" * MAX_TITLE),
        ("가" * (MAX_TITLE - 1) + " 나.pdf", "가" * (MAX_TITLE - 1)),
        ("🎓 강의 {0} %s.md", "🎓 강의 {0} %s.md"),
        ("👩‍🏫 수업.pdf", "👩🏫 수업.pdf"),
        ("x" * 10_000 + ".pdf", "x" * MAX_TITLE),
        ("a/" * 5_000 + "끝.pdf", "끝.pdf"),
        ("보고서\u202excod.exe", "보고서xcod.exe"),
        ("\u202a\u202b\u202d\u2067\u2068\u200e\u200f\u061c가.txt", "가.txt"),
        # Names that Windows keeps for devices are names like any other here: no path is ever made of them.
        ("CON.txt", "CON.txt"),
        ("..\\..\\NUL", "NUL"),
        ("C:stream.txt:$DATA", "C:stream.txt:$DATA"),
        ("~root;$(rm -rf)`id`.md", "~root;$(rm -rf)`id`.md"),
        ("<img src=x onerror=alert(1)>.md", "<img src=x onerror=alert(1)>.md"),
        ("가\u0301\u0301\u0301.txt", "가\u0301\u0301\u0301.txt"),
        ("반쪽\ud800.txt", "반쪽.txt"),
    ],
)
def test_titles(sent: str, title: str) -> None:
    assert clean_title(sent) == title


@given(st.text(max_size=400))
def test_a_title_can_be_shown_stored_and_is_never_empty(sent: str) -> None:
    title = clean_title(sent)

    assert 0 < len(title) <= MAX_TITLE
    assert title.isprintable()
    assert title == title.strip()
    title.encode()
    assert clean_title(title) == title
