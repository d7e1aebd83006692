import unicodedata
from collections import Counter

import pytest

from retrieval.sentences import split_sentences
from retrieval.terms import KiwiTerms


def _texts(text: str) -> list[str]:
    return [text[sentence.start : sentence.end] for sentence in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("집에 갔다. 밥을 먹었다.", ["집에 갔다.", "밥을 먹었다."]),
        ("국민의 권리를\n보호한다. 다만, 예외가 있다.", ["국민의 권리를\n보호한다.", "다만, 예외가 있다."]),
        ("3.14는 원주율이다. v1.2.3을 쓴다.", ["3.14는 원주율이다.", "v1.2.3을 쓴다."]),
        ("The API is fast. It works! Does it?", ["The API is fast.", "It works!", "Does it?"]),
        ("Dr. Smith met J. K. Rowling. They talked.", ["Dr. Smith met J. K. Rowling.", "They talked."]),
        ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
        ("😀 학교에 갔다. 😀 좋았다.", ["😀 학교에 갔다.", "😀 좋았다."]),
        ("  \n", []),
        ("", []),
    ],
)
def test_sentences_of_korean_and_english(text: str, expected: list[str]) -> None:
    assert _texts(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "\x00학교다.\ud800 좋다. " * 10,
        unicodedata.normalize("NFD", "학교에서 배웠다. 집에 갔다."),
        "ＡＢＣ가 있다. …그래서 ①번이다.\u00a0끝이다.",
        "가" * 9000,
        "word " * 3000,
        "표\t1\t2\n" * 2000,
        "학교에 갔다.\n\n" * 1500,
    ],
)
def test_sentences_cover_everything_but_white_space_in_order(text: str) -> None:
    position = 0
    for sentence in split_sentences(text):
        assert position <= sentence.start < sentence.end
        assert not text[position : sentence.start].strip()
        assert text[sentence.start : sentence.end].strip() == text[sentence.start : sentence.end]
        position = sentence.end
    assert not text[position:].strip()


def test_the_terms_of_sentences_are_the_terms_of_the_text() -> None:
    text = "서울지방검찰청은 2024년 GPT-4o를 도입했다. 학교에서는 예뻤다. The GPUs were fast."
    together = Counter(term for sentence in split_sentences(text) for term in sentence.terms or [])
    assert together == Counter(KiwiTerms().terms(text))


def test_decomposed_text_has_sentences_and_leaves_its_terms_to_the_analyser() -> None:
    text = unicodedata.normalize("NFD", "학교에서 배웠다. 집에 갔다.")
    assert len(_texts(text)) == 2
    assert [sentence.terms for sentence in split_sentences(text)] == [None, None]
