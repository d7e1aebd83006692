import re

import pytest

from rag.chains.prompt import PromptDocument
from rag.chains.sentences import Sentence, cut_sentences


def split(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S.*?(?:(?<!\d)[.?!](?=\s|$)|$)", text, re.DOTALL)]


def cut(*texts: str) -> list[Sentence]:
    return cut_sentences([PromptDocument(n, text) for n, text in enumerate(texts, start=1)], split=split)


def texts(*passages: str) -> list[str]:
    return [sentence.text for sentence in cut(*passages)]


def test_a_sentence_broken_by_the_edge_of_the_page_is_whole_again() -> None:
    page = (
        "3.3 자율 실습\r\n"
        "수업 시간 밖에도 실습 환경을 쓸 수 있습니다. 자율 실습은 매일 오전 7시부터 자정까지 열고, 한\r\n"
        "사람이 하루에 최대 5시간까지 쓸 수 있습니다.\r\n실습 공간은 한 사람당\r\n20기가바이트입니다."
    )

    assert "자율 실습은 매일 오전 7시부터 자정까지 열고, 한 사람이 하루에 최대 5시간까지 쓸 수 있습니다." in texts(page)


def test_a_passage_may_begin_in_the_middle_of_a_line() -> None:
    assert texts("문의는\nprivacy@example.com으로 보냅니다. 개인정보 교육은 해마다 두 번 합니다.")[0] == (
        "문의는 privacy@example.com으로 보냅니다."
    )


TABLE = """1.1 개설 과정
배움터는 네 가지 과정을 엽니다. 과정마다 기간과 정원, 수강료가 다르며 아래와 같습니다.
과정 기간 정원 수강료
기초반 8주 24명 480,000원
심화반 12주 12명 1,150,000원
"""


def test_rows_of_a_table_stand_apart_and_know_their_headings() -> None:
    rows = {sentence.text: sentence for sentence in cut(TABLE)}

    assert rows["심화반 12주 12명 1,150,000원"].context == "개설 과정 과정 기간 정원 수강료"
    assert not rows["심화반 12주 12명 1,150,000원"].is_heading
    assert rows["과정 기간 정원 수강료"].is_heading
    assert rows["1.1 개설 과정"].is_heading
    assert rows["배움터는 네 가지 과정을 엽니다."].context == ""


def test_markdown_tables_and_lists_are_cut_by_line() -> None:
    table = "| 과정 | 기간 |\n| --- | --- |\n| 기초반 | 8주 |\n"
    markdown = f"{table}- 재수강생 할인: 40퍼센트\n- 단체 할인: 12퍼센트\n1. 신청서\n2) 통장 사본"

    assert texts(markdown) == [
        "| 과정 | 기간 |",
        "| 기초반 | 8주 |",
        "재수강생 할인: 40퍼센트",
        "단체 할인: 12퍼센트",
        "1. 신청서",
        "2) 통장 사본",
    ]


def test_what_is_too_long_is_cut_at_commas_or_spaces_or_anywhere() -> None:
    with_commas = ", ".join(["항목 하나"] * 100)
    for long in (with_commas, "낱말 " * 200, "가" * 1_000):
        parts = texts(long)
        assert len(parts) >= 1
        assert all(len(part) <= 300 for part in parts)
    assert "".join(texts("".join(chr(0xAC00 + n) for n in range(1_000)))) == "".join(
        chr(0xAC00 + n) for n in range(1_000)
    )


def test_a_sentence_that_two_passages_share_counts_for_the_first() -> None:
    sentences = cut("첫 문장입니다. 이어진 문장입니다.", "이어진  문장입니다. 끝 문장입니다.")

    assert [(s.document, s.text) for s in sentences] == [
        (1, "첫 문장입니다."),
        (1, "이어진 문장입니다."),
        (2, "끝 문장입니다."),
    ]


@pytest.mark.parametrize("text", ["", " \n\t ", "---", "14쪽", "\x00"])
def test_what_says_nothing_gives_no_sentence(text: str) -> None:
    assert cut(text) == []


def test_addresses_are_embedded_by_kind_but_quoted_as_they_are() -> None:
    [sentence] = cut("문의는 privacy@example.com이나 https://example.com/a?b 로 하세요.")

    assert sentence.meaning == "문의는 email이나 link 로 하세요."
    assert "privacy@example.com" in sentence.text


def test_a_sentence_has_the_language_of_its_passage() -> None:
    assert [
        sentence.is_korean for sentence in cut("2027-01-04, 480,000", "요금은 아래와 같습니다.\n480,000 / 720,000")
    ] == [
        False,
        True,
        True,
    ]
