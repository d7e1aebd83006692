"""Documents in a project and in an agent of a class: search follows within a second, in and out."""

import time
from typing import Any

import pytest

from growfit_local.client import ApiError, Client
from growfit_local.people import Academy

TEXT = "# 과제 안내\n\n은하수 과제는 매주 목요일 밤 아홉 시까지 냅니다.\n"
QUERY = {"query": "은하수 과제는 언제까지 내나요?", "top_k": 5}


@pytest.fixture(scope="module")
def teacher(academy: Academy) -> Client:
    assert academy.owner is not None
    return academy.owner


@pytest.fixture(scope="module")
def document_id(teacher: Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A document of the teacher's alone, which no class has."""
    path = tmp_path_factory.mktemp("notes") / "과제.md"
    path.write_text(TEXT, encoding="utf-8")
    uploaded = teacher.upload(path)
    assert teacher.ready(uploaded["document_id"])["state"] == "ready"
    return str(uploaded["document_id"])


@pytest.fixture(scope="module")
def agent_id(academy: Academy, teacher: Client) -> str:
    body = {"name": "과제 도우미", "instructions": "짧게 답하세요.", "class_id": academy.ids["class_id"]}
    return str(teacher.settled("POST", "/agents", json=body)["agent_id"])


def found(client: Client, **places: str) -> set[str]:
    hits: list[dict[str, Any]] = client.call("POST", "/search", json=QUERY | places)["hits"]
    return {hit["document_id"] for hit in hits}


def test_a_project_has_what_is_put_in_and_no_more(teacher, document_id):
    project_id = teacher.call("POST", "/projects", json={"name": "1학기"})["project_id"]
    path = f"/documents/{document_id}/projects/{project_id}"
    assert found(teacher, project_id=project_id) == set()
    teacher.settled("PUT", path)
    assert found(teacher, project_id=project_id) == {document_id}
    shown = teacher.call("GET", "/documents", params={"project_id": project_id})["items"]
    assert [each["project_ids"] for each in shown] == [[project_id]]
    began = time.monotonic()
    teacher.call("DELETE", path)
    assert found(teacher, project_id=project_id) == set()
    assert time.monotonic() - began < 1
    assert document_id in found(teacher)


def test_a_student_finds_it_through_the_agent_alone_until_it_is_taken_out(student, teacher, document_id, agent_id):
    path = f"/documents/{document_id}/agents/{agent_id}"
    teacher.settled("PUT", path)
    student.settled("GET", f"/agents/{agent_id}")
    assert found(student, agent_id=agent_id) == {document_id}
    assert document_id not in found(student)
    for refused in (f"/documents/{document_id}", f"/documents/{document_id}/content"):
        with pytest.raises(ApiError) as error:
            student.call("GET", refused)
        assert error.value.status == 404

    conversation = student.call("POST", "/conversations", json={"agent_id": agent_id})["conversation_id"]
    answer = student.answer(conversation, QUERY["query"])
    assert [each["document_id"] for each in answer.citations] == [document_id]
    assert "목요일" in answer.citations[0]["quote"]
    assert answer.citations[0]["headings"] == ["과제 안내"]

    began = time.monotonic()
    teacher.call("DELETE", path)
    assert found(student, agent_id=agent_id) == set()
    assert time.monotonic() - began < 1
    assert student.answer(conversation, QUERY["query"]).refused


def test_a_deleted_agent_is_told_to_whoever_goes_on_with_it(student, teacher, academy):
    body = {"name": "한때", "class_id": academy.ids["class_id"]}
    agent_id = teacher.call("POST", "/agents", json=body)["agent_id"]
    conversation = student.call("POST", "/conversations", json={"agent_id": agent_id})["conversation_id"]
    teacher.call("DELETE", f"/agents/{agent_id}")

    with pytest.raises(ApiError) as error:
        student.call("POST", f"/conversations/{conversation}/messages", json={"text": "계속할까요?"})
    assert (error.value.status, error.value.code) == (404, "agent_not_found")
    assert student.call("GET", f"/conversations/{conversation}")["agent_id"] == agent_id
