import pytest

from rag.chains.evidence import E5_SMALL, Thresholds, choose, coverage, preselect, question_terms
from rag.chains.sentences import Sentence


def korean(text: str, document: int = 1, **rest: bool) -> Sentence:
    return Sentence(document, text, **rest)


def test_words_that_ask_do_not_count() -> None:
    assert question_terms(["환불", "언제", "하", "환불", "되"]) == ["환불"]
    assert question_terms(["What", "is", "the", "Refund", "policy"]) == ["refund", "policy"]


def test_coverage_is_a_share_in_which_rare_words_weigh_more() -> None:
    sentences = [korean("배움터 환불은 닷새"), korean("배움터 수강료"), korean("배움터 주소"), korean("전혀 다른 글")]
    covered = coverage(["배움터", "환불"], sentences)

    assert covered[0] == pytest.approx(1)
    assert 0 < covered[1] == covered[2] < 0.5
    assert covered[3] == 0
    assert coverage([], sentences) == [0, 0, 0, 0]
    assert coverage(["환불"], []) == []


def test_a_word_is_found_inside_korean_compounds_but_only_at_the_start_of_latin_words() -> None:
    sentences = [korean("무선충전 시간"), korean("education for all"), korean("cats and dogs")]

    assert coverage(["충전"], sentences) == [1, 0, 0]
    assert coverage(["cat"], sentences) == [0, 0, 1]
    assert coverage(["무선충전"], [korean("무선 충전 시간")]) == [1]


def test_headings_above_a_row_count_for_its_words() -> None:
    row = Sentence(1, "심화반 12명", context="과정 정원")

    assert coverage(["심화반", "정원"], [row, korean("다른 글")]) == [pytest.approx(1), 0]


def test_the_sentences_that_share_words_are_embedded_when_words_tell_them_apart() -> None:
    sentences = [korean(f"{n}번째 문장 " + "가" * 90, n // 4) for n in range(40)]
    telling = [0.0] * 40
    telling[37] = 0.9

    assert 37 in preselect(sentences, telling)
    assert len(preselect(sentences, telling)) < len(preselect(sentences, [0.0] * 40)) < 40
    assert preselect(sentences, [0.0] * 40) == list(range(len(preselect(sentences, [0.0] * 40))))  # the first passages
    assert preselect([korean("가" * 5_000)], [0.0]) == [0]
    assert len(preselect([korean("짧은 글")] * 100, [0.0] * 100)) == 32
    assert preselect([], []) == []


LIMITS = Thresholds(choice=0.1, enough=0.05, korean=0.86, other=0.84, korean_of_other=0.8, other_of_korean=0.78)


def chosen(question: str, *found: tuple[Sentence, float, float]) -> list[int]:
    return choose(
        question,
        [sentence for sentence, _, _ in found],
        cosines=[cosine for _, cosine, _ in found],
        covered=[cover for _, _, cover in found],
        thresholds=LIMITS,
    )


def test_the_best_two_are_chosen_the_better_first() -> None:
    low, best, near = (korean("하나"), 0.80, 0.0), (korean("둘"), 0.90, 0.5), (korean("셋"), 0.91, 0.0)

    assert chosen("질문", low, best, near) == [1, 2]
    assert chosen("질문", low, best) == [1]  # too far below the best to add anything


@pytest.mark.parametrize(
    ("question", "is_korean", "cosine", "answered"),
    [
        ("언제?", True, 0.861, True),
        ("언제?", True, 0.859, False),
        ("When?", False, 0.841, True),
        ("When?", False, 0.839, False),
        ("언제?", False, 0.801, True),
        ("언제?", False, 0.799, False),
        ("When?", True, 0.781, True),
        ("When?", True, 0.779, False),
    ],
)
def test_each_pair_of_languages_has_its_threshold(
    question: str, *, is_korean: bool, cosine: float, answered: bool
) -> None:
    assert bool(chosen(question, (Sentence(1, "text", is_korean=is_korean), cosine, 0.0))) is answered


def test_words_help_over_the_threshold_and_a_bare_heading_needs_more() -> None:
    assert chosen("질문", (korean("본문"), 0.84, 0.5))
    assert not chosen("질문", (korean("제목", is_heading=True), 0.84, 0.5))
    assert not chosen("질문")


def test_the_measured_thresholds_are_those_that_run() -> None:
    assert E5_SMALL == LIMITS
