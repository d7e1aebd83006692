import threading
import time
import unicodedata

import pytest

from retrieval.bigrams import BigramTerms
from retrieval.terms import MAX_CHARACTERS, MAX_TERM, KiwiTerms, TermAnalyser


@pytest.fixture(scope="module")
def kiwi() -> KiwiTerms:
    return KiwiTerms()


@pytest.mark.parametrize(
    ("question", "text", "shared"),
    [
        ("학교", "학교에서는 배웠습니다", {"학교"}),
        ("튜플만", "튜플은 바꿀 수 없습니다", {"튜플"}),
        ("수도를 옮긴", "고구려의 수도는 평양으로 옮겨졌다", {"수도", "옮기"}),
        ("예쁜 꽃", "꽃이 예뻤던 날", {"예쁘", "꽃"}),
        ("서울지방검찰청", "서울지방검찰청이 발표했다", {"서울지방검찰청", "서울", "지방", "검찰청"}),
        ("서울 검찰청", "서울지방검찰청이 발표했다", {"서울", "검찰청"}),
        ("GPT-4o를 쓰는", "gpt4o", {"gpt4o"}),
        ("GPT", "GPT-4o를 쓴다", {"gpt"}),
        ("2024년", "2024년에는", {"2024", "2024년"}),
        ("10,000원", "10000원을 냈다", {"10000", "10000원"}),
        ("３．５배", "3.5배 빠르다", {"3.5"}),
        ("ＡＰＩ", "API의 설계", {"api"}),
        (unicodedata.normalize("NFD", "학교에서"), "학교", {"학교"}),
        ("neural networks", "A Neural Network learns", {"neural", "network"}),
        ("classes and policies", "class policy", {"class", "policy"}),
        ("Washington", "He went to Washington.", {"washington"}),
        ("漢字", "漢字를 배운다", {"漢字"}),
        ("été à Москва", "Été à Москва", {"été", "москва"}),
    ],
)
def test_a_word_is_found_in_whatever_form_it_stands(
    kiwi: KiwiTerms, question: str, text: str, shared: set[str]
) -> None:
    assert shared <= set(kiwi.terms(question)) & set(kiwi.terms(text))


def test_particles_and_endings_are_no_terms(kiwi: KiwiTerms) -> None:
    assert not {"에서", "는", "습니다", "었", "다", "."} & set(kiwi.terms("학교에서는 선생님께 배웠습니다."))


def test_repeats_stay_because_bm25_counts_them(kiwi: KiwiTerms) -> None:
    assert kiwi.terms("학교 학교의 학교").count("학교") == 3


@pytest.mark.parametrize(
    "text",
    ["", " \n", "\x00학교\x00", "\ud800학교", "\x01\x02\x1b[0m", "😀" * 50, "가" * 3000, "a" * 30_000, "ㅋ" * 500],
)
@pytest.mark.parametrize("analyser", [KiwiTerms(), BigramTerms()], ids=["kiwi", "bigrams"])
def test_any_text_gives_storable_terms_of_bounded_length(analyser: TermAnalyser, text: str) -> None:
    for term in analyser.terms(text):
        assert 0 < len(term) <= MAX_TERM
        assert "\x00" not in term.encode().decode()


def test_only_the_first_characters_of_a_huge_text_are_read(kiwi: KiwiTerms) -> None:
    assert "zebra" not in kiwi.terms("word " * (MAX_CHARACTERS // 5) + " zebra")


def test_a_batch_gives_what_single_calls_give_in_order(kiwi: KiwiTerms) -> None:
    texts = ["학교에서 배웠다", "", "plain english only 3.5", "서울지방검찰청", "학교에서 배웠다"] * 10
    assert kiwi.terms_many(texts) == [kiwi.terms(text) for text in texts]


def test_threads_get_what_one_thread_gets(kiwi: KiwiTerms) -> None:
    texts = [f"{n}년에 서울지방검찰청이 학교에서 발표했다. 모델은 GPT-{n}이다." for n in range(100)]
    expected = kiwi.terms_many(texts)
    found: dict[int, list[list[str]]] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.__setitem__(n, kiwi.terms_many(texts)))  # type: ignore[misc]
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[n] == expected for n in range(4))


def test_kiwi_leaves_the_interpreter_to_others_while_it_works(kiwi: KiwiTerms) -> None:
    """An event loop beside it must not stand still: given single strings, Kiwi holds the GIL for each of them."""
    texts = ["여의도 농민 폭력 시위를 주도한 혐의로 지명수배 되었고 나중에 불구속 처리되었다. " * 12] * 60
    kiwi.terms("학교")
    worker = threading.Thread(target=kiwi.terms_many, args=(texts,))
    started = time.perf_counter()
    worker.start()
    beats = 0
    while worker.is_alive():
        time.sleep(0.001)
        beats += 1
    busy = time.perf_counter() - started
    assert beats > busy * 1000 / 6, f"{beats} beats in {busy:.3f} s: the GIL was held"


def test_bigrams_do_not_cross_words_and_keep_single_characters() -> None:
    assert BigramTerms().terms("학교에 X 가") == ["학교", "교에", "x", "가"]
