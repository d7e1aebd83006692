"""Encodings of Korean text, and what is none of them."""

import growfit_documents as documents
import pytest

from ingest.adapters.parsers.encodings import decode
from ingest.adapters.parsers.page import Refused

TEXT = "한국어 문서입니다. 뷁과 똠방각하도 있습니다.\r\n둘째 줄: 3,000원 (10%)\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949"])
@pytest.mark.parametrize("text", [TEXT, documents.korean_text().decode()], ids=["short", "long"])
def test_text_in_the_encodings_of_korean(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_euc_kr_is_a_part_of_cp949() -> None:
    assert decode("강의 계획서와 성적".encode("euc_kr")) == "강의 계획서와 성적"


def test_utf8_with_a_nul_is_not_taken_for_utf16() -> None:
    assert decode(documents.text_with_nul()) == documents.text_with_nul().decode()


@pytest.mark.parametrize(
    "content",
    [
        documents.broken_utf8(),
        b"\xff\xfe\x00",
        b"\xff\xff\xff\xff",
        b"\xfe\xff\xd8\x00",
        "日本語の文書です。カタカナとひらがな。".encode("shift_jis"),
        "Les élèves étudient à l’école.".encode("latin-1", "replace"),
        documents.png_bytes(),
        documents.exe_bytes() + bytes(range(256)),
    ],
    ids=["broken", "half a pair", "no character", "half a surrogate", "Japanese", "French", "picture", "program"],
)
def test_bytes_that_are_no_korean_text(content: bytes) -> None:
    with pytest.raises(Refused, match=r"^text_undecodable$"):
        decode(content)


@pytest.mark.parametrize(
    ("declared", "encoding"), [("shift_jis", "shift_jis"), ("windows-1252", "cp1252"), ("KS_C_5601-1987", "cp949")]
)
def test_what_is_declared_is_believed_where_it_is_no_utf8(declared: str, encoding: str) -> None:
    text = {"shift_jis": "日本語", "cp1252": "école", "cp949": "똠방"}[encoding]

    assert decode(text.encode(encoding), declared=declared) == text
    assert decode("한국어".encode(), declared=declared) == "한국어"


@pytest.mark.parametrize("declared", ["", "nonsense", "utf-16", "base64", "rot13", "idna\u0000"])
def test_a_declaration_that_means_nothing_is_ignored(declared: str) -> None:
    assert decode("한국어".encode("cp949"), declared=declared) == "한국어"
