"""The main job: a document goes in, cited answers come out, and every token is metered to the right tenant."""

import json
import time
from typing import Any

import pytest

from growfit_local.client import Answer, ApiError, Client
from growfit_local.demo import ASKED, QUESTIONS, SAMPLE
from growfit_local.people import Academy

KNOWN: list[dict[str, Any]] = json.loads(QUESTIONS.read_text(encoding="utf-8"))["questions"]


@pytest.fixture(scope="module")
def handbook(academy: Academy, student: Client) -> dict[str, Any]:
    uploaded = student.upload(SAMPLE, class_id=academy.ids["class_id"])
    states = [event["state"] for event in student.follow(uploaded["document_id"])]
    assert states[-1] == "ready"
    assert "embedding" in states
    return student.call("GET", f"/documents/{uploaded['document_id']}")


@pytest.fixture(scope="module")
def conversation_id(academy: Academy, student: Client, handbook: dict[str, Any]) -> str:
    body = {"class_id": academy.ids["class_id"], "document_ids": [handbook["document_id"]]}
    return str(student.settled("POST", "/conversations", json=body)["conversation_id"])


def test_document_is_whole(handbook):
    assert handbook["page_count"] == 19
    assert handbook["chunk_count"] > 19
    assert handbook["progress"] == 1.0
    assert handbook["problem"] is None


@pytest.fixture(scope="module")
def asked(student: Client, conversation_id: str) -> dict[str, Answer]:
    """Every question of the sample set with its answer."""
    return {known["question"]: student.answer(conversation_id, known["question"]) for known in KNOWN}


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [known for known in KNOWN if known["kind"] in kinds]


def cites_right_page(answer: Answer, known: dict[str, Any]) -> bool:
    return bool(set(answer.pages) & set(known["page"]))


@pytest.mark.parametrize("question", [*ASKED, *(known["question"] for known in of_kind("same words", "far"))])
def test_answers_or_refuses_rightly(asked, question):
    """The demo's questions, those in the document's own words, and those that have nothing to do with it."""
    known = next(known for known in KNOWN if known["question"] == question)
    answer = asked[question]
    if known["answerable"]:
        assert cites_right_page(answer, known)
    else:
        assert answer.refused
        assert "찾지 못했습니다" in answer.text or "could not find" in answer.text


def test_harder_questions_are_answered_more_often_than_not(asked):
    """Other words and another language; the extractive answerer may refuse, and must seldom cite a wrong page."""
    answerable = of_kind("reworded", "english")
    right = [known for known in answerable if cites_right_page(asked[known["question"]], known)]
    wrong = [known for known in answerable if known not in right and not asked[known["question"]].refused]
    assert len(right) >= len(answerable) * 0.75
    assert len(wrong) <= len(answerable) * 0.2
    tempting = of_kind("near")
    refused = [known for known in tempting if asked[known["question"]].refused]
    assert len(refused) >= len(tempting) * 0.6


def test_citation_quotes_the_document(student, conversation_id, handbook):
    answer = student.answer(conversation_id, "초대 코드는 발급한 때부터 몇 시간 동안 쓸 수 있나요?")
    citation = answer.citations[0]
    assert citation["document_id"] == handbook["document_id"]
    assert citation["page_from"] == 4
    assert citation["char_end"] - citation["char_start"] == len(citation["quote"])
    assert "72시간" in citation["quote"]
    assert answer.done["model"] == "growfit-extractive"


def test_answers_are_kept(student, conversation_id):
    student.answer(conversation_id, "강사료는 언제 지급하나요?")
    newest = student.call("GET", f"/conversations/{conversation_id}/messages", params={"limit": 2})["items"]
    assert [message["role"] for message in newest] == ["assistant", "user"]
    assert newest[0]["state"] == "completed"
    assert newest[0]["citations"]
    assert newest[0]["output_tokens"] > 0


def test_search_finds_the_page(student):
    found = student.call("POST", "/search", json={"query": "연체료는 하루에 얼마입니까", "top_k": 3})
    assert 12 in [hit["page_from"] for hit in found["hits"]]


def test_usage_reaches_partner_and_nobody_else(academy, make_academy, student, handbook, conversation_id):
    student.answer(conversation_id, "강사료는 언제 지급하나요?")
    mine = wait_for_usage(academy.owner, academy.ids["partner_id"], {"chat", "embedding"})
    assert all(row["input_tokens"] > 0 for row in mine["rows"])
    with pytest.raises(ApiError) as refused:
        make_academy().owner.call("GET", "/usage/summary", params={"partner_id": academy.ids["partner_id"]})
    assert refused.value.status == 404


def test_leaving_a_stream_keeps_the_answer_and_its_usage(academy):
    """The client goes away after the first word; what was written so far is stored and booked."""
    leaver = academy.enrol("leaver", "떠난이")
    document = leaver.upload(SAMPLE, class_id=academy.ids["class_id"])
    assert leaver.ready(document["document_id"])["state"] == "ready"
    body = {"class_id": academy.ids["class_id"]}
    conversation = leaver.settled("POST", "/conversations", json=body)["conversation_id"]
    words = leaver.ask(conversation, "강사료는 언제 지급하나요?")
    next(words)
    words.close()
    until = time.monotonic() + 20
    while (message := _newest(leaver, conversation))["state"] == "answering":
        assert time.monotonic() < until, "the answer was never stored"
        time.sleep(0.2)
    assert message["state"] in {"cancelled", "completed"}
    assert message["text"]
    assert message["input_tokens"] > 0


def test_deleting_leaves_nothing(academy, tmp_path):
    writer = academy.enrol("writer", "쓴이")
    path = tmp_path / "note.md"
    path.write_text("# 메모\n\n보라색 기린은 열쇠 일곱 개를 가지고 있다.\n", encoding="utf-8")
    document = writer.upload(path)
    assert writer.ready(document["document_id"])["state"] == "ready"
    query = {"query": "보라색 기린의 열쇠", "top_k": 5}
    assert writer.call("POST", "/search", json=query)["hits"]
    receipt = writer.call("DELETE", f"/documents/{document['document_id']}")
    assert receipt["deleted"] == {"vectors": 1, "objects": 1, "chunks": 1}
    assert receipt["remaining"] == {"vectors": 0, "objects": 0, "chunks": 0}
    assert writer.call("POST", "/search", json=query)["hits"] == []
    with pytest.raises(ApiError, match="404"):
        writer.call("GET", f"/documents/{document['document_id']}")


def wait_for_usage(owner: Client, partner_id: str, operations: set[str]) -> dict[str, Any]:
    until = time.monotonic() + 20
    while True:
        summary = owner.settled("GET", "/usage/summary", params={"partner_id": partner_id, "group_by": "operation"})
        if operations <= {row["operation"] for row in summary["rows"]}:
            return summary
        assert time.monotonic() < until, f"usage never came: {summary}"
        time.sleep(0.2)


def _newest(client: Client, conversation_id: str) -> dict[str, Any]:
    page = client.call("GET", f"/conversations/{conversation_id}/messages", params={"limit": 1})
    message: dict[str, Any] = page["items"][0]
    return message
