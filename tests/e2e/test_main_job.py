"""The main job: a document goes in, cited answers come out, and every token is metered to the right tenant."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from growfit_local.client import ApiError, Client
from growfit_local.demo import QUESTIONS, SAMPLE
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


@pytest.mark.parametrize("known", [item for item in KNOWN if item["answerable"]], ids=lambda item: item["question"])
def test_answer_cites_a_page_that_holds_it(student, conversation_id, known):
    answer = student.answer(conversation_id, known["question"])
    assert not answer.refused, "the document answers this"
    assert set(answer.pages) & set(known["page"])


@pytest.mark.parametrize("known", [item for item in KNOWN if not item["answerable"]], ids=lambda item: item["question"])
def test_what_the_document_does_not_answer_is_refused(student, conversation_id, known):
    answer = student.answer(conversation_id, known["question"])
    assert answer.refused
    assert "찾지 못했습니다" in answer.text or "could not find" in answer.text


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


def test_sample_is_the_one_of_the_demo():
    assert Path(SAMPLE).stat().st_size < 1_000_000
