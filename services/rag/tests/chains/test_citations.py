import pytest

from rag.chains.citations import Citation, CitedText, locate
from rag.chains.passages import Passage

FIRST = "제1기는 2월 8일에 개강합니다. 기초반은 8주 동안 합니다.\n수강료는 480,000원이며 교재비가\n들어 있습니다."
SECOND = "Refunds take five days. “No fee is charged.” Ask the office."
PASSAGES = [
    Passage("c1", "d1", "안내서", FIRST, 1_000, 1_000 + len(FIRST), 3, 3),
    Passage("c2", "d2", "Guide", SECOND, 50, 50 + len(SECOND), 7, 8),
]


def read(*parts: str) -> tuple[str, list[Citation]]:
    cited = CitedText(PASSAGES, notice="(링크 삭제)")
    out = [each for part in parts for each in cited.feed(part)] + list(cited.finish())
    return "".join(each for each in out if isinstance(each, str)), [e for e in out if isinstance(e, Citation)]


def test_a_verbatim_sentence_is_cited_at_its_own_place() -> None:
    text, [citation] = read("기초반은 8주 동안 합니다. [1]")

    assert text == "기초반은 8주 동안 합니다. [1]"
    assert citation == Citation(1, "c1", "d1", "안내서", 3, 3, 1_019, 1_034, "기초반은 8주 동안 합니다.")
    assert FIRST[19:34] == citation.quote


def test_line_ends_spaces_and_quotes_may_differ_from_the_document() -> None:
    _, [korean] = read("수강료는 480,000원이며 교재비가 들어 있습니다. [1]")
    _, [english] = read("'No fee is charged' [2]")

    assert korean.quote == "수강료는 480,000원이며 교재비가\n들어 있습니다."
    assert english.quote == "“No fee is charged.”"
    assert (english.page_from, english.page_to) == (7, 8)
    assert SECOND[english.char_start - 50 : english.char_end - 50] == english.quote


def test_several_sentences_before_a_marker_are_cited_by_the_last_that_is_found() -> None:
    _, [citation] = read("환불에는 시간이 걸립니다. Refunds take five days. [2]")

    assert citation.quote == "Refunds take five days."


def test_a_statement_in_other_words_cites_the_whole_passage() -> None:
    _, [citation] = read("개강은 이월 팔일입니다 [1]")

    assert (citation.char_start, citation.char_end) == (1_000, 1_000 + len(FIRST))
    assert citation.quote == FIRST


def test_each_place_is_cited_once_and_each_sentence_for_itself() -> None:
    text, citations = read(
        "제1기는 2월 8일에 개강합니다. [1] 기초반은 8주 동안 합니다. [1] 기초반은 8주 동안 합니다. [1]"
    )

    assert text.count("[1]") == 3
    assert [citation.quote for citation in citations] == ["제1기는 2월 8일에 개강합니다.", "기초반은 8주 동안 합니다."]


def test_a_citation_follows_its_marker() -> None:
    cited = CitedText(PASSAGES, notice="")
    out = [*cited.feed("기초반은 8주 동안 합니다. [1"), *cited.feed("] 그리고"), *cited.finish()]
    place = next(index for index, each in enumerate(out) if isinstance(each, Citation))

    assert "".join(str(each) for each in out[:place]).endswith("[1]")


@pytest.mark.parametrize(
    ("written", "shown", "markers"),
    [
        ("답입니다 [9].", "답입니다.", []),
        ("답입니다 [0]", "답입니다", []),
        ("답입니다 [1, 9] 끝", "답입니다 [1] 끝", [1]),
        ("답입니다 [2][1][7] 끝", "답입니다 [2][1] 끝", [2, 1]),
        ("list[0] = items[7]", "list[0] = items[7]", []),
        ("[2027] 년", "[2027] 년", []),
        ("끝   ", "끝   ", []),
        ("https:/[9]/evil.example/x", "(링크 삭제)", []),
        ("[1](https://evil.example/?q=1) ![x](https://evil.example)", "[1] x", [1]),
    ],
)
def test_only_retrieved_passages_are_cited(written: str, shown: str, markers: list[int]) -> None:
    for parts in ([written], list(written)):
        text, citations = read(*parts)
        assert text == shown
        assert [citation.marker for citation in citations] == markers


def test_a_sentence_whose_link_was_taken_out_is_still_found() -> None:
    text = "자세한 내용은 https://example.com/a?b=1 에서 볼 수 있습니다."
    cited = CitedText([Passage("c", "d", "t", text, 0, len(text))], notice="(링크 삭제)")
    out = [*cited.feed(f"{text} [1]"), *cited.finish()]

    assert [each.quote for each in out if isinstance(each, Citation)] == [text]
    assert "example.com" not in "".join(each for each in out if isinstance(each, str))


def test_a_passage_that_is_not_its_place_verbatim_keeps_its_own_offsets() -> None:
    passage = Passage("c", "d", "t", "짧아진 글입니다. 둘째 글은 여기까지입니다.", 10, 500)
    [citation] = [
        e for e in CitedText([passage], notice="").feed("둘째 글은 여기까지입니다. [1] ") if isinstance(e, Citation)
    ]

    assert citation.quote == "둘째 글은 여기까지입니다."
    assert (citation.char_start, citation.char_end) == (10, 500)


def test_short_or_empty_claims_are_found_nowhere() -> None:
    assert locate("", FIRST) is None
    assert locate("8주", FIRST) is None
    assert locate("아무 데도 없는 문장입니다", FIRST) is None
    assert locate("제1기는 2월 8일에 개강합니다", "") is None
