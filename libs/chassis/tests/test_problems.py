"""Every error at the HTTP door is a problem+json in the caller's language that gives nothing away."""

import re
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import StreamingResponse
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chassis.app import create_app
from chassis.errors import KINDS, Conflict, Message
from chassis.problems import MEDIA_TYPE, responses
from chassis.validation_ko import korean_text

FULL = Message("class_full", "{limit}명이 정원입니다", "The class holds {limit}")
SECRET = "hunter2-비밀"


class SignUp(BaseModel):
    model_config = ConfigDict(extra="forbid")

    password: Annotated[SecretStr, Field(min_length=20)]
    age: int
    locale: Annotated[str, Field(pattern="^(ko|en)$")] = "ko"


def router() -> APIRouter:
    found = APIRouter()

    @found.get("/kinds/{name}")
    async def kinds(name: str) -> None:
        kind = next(kind for kind in KINDS if kind.__name__ == name)
        raise kind(FULL, limit=30, headers={"Retry-After": "2"})

    @found.get("/clash")
    async def clash() -> None:
        raise Conflict(FULL, limit=30, title="안내서.pdf", status="ready", owner=UUID(int=1))

    @found.post("/sign-up")
    async def sign_up(body: SignUp) -> str:
        return body.locale

    @found.get("/search")
    async def search(limit: Annotated[int, Query(le=10)], document: UUID | None = None) -> int:
        return limit

    @found.get("/defect/{name}")
    async def defect(name: str) -> None:
        raise RuntimeError(f"the password is {SECRET}")

    @found.get("/refused")
    async def refused() -> None:
        raise HTTPException(418, "a teapot")

    @found.get("/broken-stream")
    async def broken_stream() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            raise RuntimeError(SECRET)

        return StreamingResponse(body())

    return found


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def door(registry: CollectorRegistry, access_with) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        service="test",
        title="test",
        routers=[router()],
        access=access_with(),
        wired=None,
        registry=registry,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
        yield client


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict:
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["vary"] == "Accept-Language"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "code", "instance", "request_id"} <= set(problem)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"urn:growfit:problem:{code}"
    assert problem["instance"] == answer.request.url.path
    return problem


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_a_kind_of_error_is_its_status(door: httpx.AsyncClient, kind) -> None:
    answer = await door.get(f"/kinds/{kind.__name__}", headers={"Accept-Language": "en"})
    problem = assert_problem(answer, kind.status, "class_full")
    assert (problem["title"], problem["detail"], problem["limit"]) == (kind.title.en, "The class holds 30", 30)
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("header", "language", "detail"),
    [
        ({}, "ko", "30명이 정원입니다"),
        ({"Accept-Language": "ko-KR"}, "ko", "30명이 정원입니다"),
        ({"Accept-Language": "en-GB, ko;q=0.5"}, "en", "The class holds 30"),
        ({"Accept-Language": "en;q=0.5, ko;q=0.9"}, "ko", "30명이 정원입니다"),
        ({"Accept-Language": "ja"}, "ko", "30명이 정원입니다"),
    ],
)
async def test_the_answer_is_in_the_caller_s_language(door, header, language, detail) -> None:
    answer = await door.get("/kinds/Conflict", headers=header)
    assert answer.json()["detail"] == detail
    assert answer.headers["content-language"] == language


async def test_a_fact_never_takes_the_place_of_the_problem_s_own_member(door: httpx.AsyncClient) -> None:
    problem = assert_problem(await door.get("/clash"), 409, "class_full")
    assert (problem["title"], problem["owner"]) == (Conflict.title.ko, str(UUID(int=1)))


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_wrong_values_are_named_and_never_sent_back(door: httpx.AsyncClient, language: str) -> None:
    body = {"password": SECRET, "age": SECRET, "locale": SECRET, "extra": SECRET}
    answer = await door.post("/sign-up", json=body, headers={"Accept-Language": language})
    problem = assert_problem(answer, 422, "validation_failed")
    assert SECRET not in answer.text
    assert {item["field"] for item in problem["errors"]} == {"body.password", "body.age", "body.locale", "body.extra"}
    korean = [item for item in problem["errors"] if any("가" <= letter <= "힣" for letter in item["message"])]
    assert len(korean) == (4 if language == "ko" else 0)


@pytest.mark.parametrize("content", [b"{", b"", b"[]", b"\xff\xfe", SECRET.encode(), b'"' + SECRET.encode()])
async def test_a_body_that_is_no_json_object(door: httpx.AsyncClient, content: bytes) -> None:
    answer = await door.post("/sign-up", content=content, headers={"Content-Type": "application/json"})
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.status_code in (400, 422)
    assert SECRET not in answer.text


async def test_wrong_query_parameters(door: httpx.AsyncClient) -> None:
    answer = await door.get("/search", params={"limit": 11, "document": "no-id"})
    problem = assert_problem(answer, 422, "validation_failed")
    assert {item["field"]: item["message"] for item in problem["errors"]} == {
        "query.limit": "10 이하여야 합니다.",
        "query.document": "올바른 ID(UUID) 형식이 아닙니다.",
    }


async def test_a_thousand_mistakes_are_not_all_listed(door: httpx.AsyncClient) -> None:
    answer = await door.post("/sign-up", json={f"extra{number}": 1 for number in range(1000)})
    assert len(assert_problem(answer, 422, "validation_failed")["errors"]) == 20


async def test_a_defect_shows_a_number_and_nothing_of_the_inside(door, registry, caplog) -> None:
    answer = await door.get("/defect/7", headers={"X-Request-ID": "trace-me-please"})
    problem = assert_problem(answer, 500, "internal_error")
    assert problem["request_id"] == "trace-me-please"
    assert "trace-me-please" in problem["detail"]
    assert SECRET not in answer.text
    assert "RuntimeError" not in answer.text
    assert "trace-me-please" in caplog.text
    assert "RuntimeError" in caplog.text, "the log has what the answer hides"
    counted = 'method="GET",route="/defect/{name}",service="test",status="500"} 1.0'
    assert counted in generate_latest(registry).decode()


async def test_a_defect_in_a_stream_breaks_it_off(door: httpx.AsyncClient) -> None:
    """Its head is gone already; what is left is to end without looking complete."""
    with pytest.raises(RuntimeError):
        await door.get("/broken-stream")


async def test_nothing_is_at_this_address(door: httpx.AsyncClient, registry: CollectorRegistry) -> None:
    answer = await door.get("/nowhere/1234")
    assert assert_problem(answer, 404, "route_not_found")["detail"].startswith("이 주소에는")
    assert "1234" not in generate_latest(registry).decode(), "paths in labels would grow without bound"


async def test_the_method_is_not_allowed(door: httpx.AsyncClient) -> None:
    answer = await door.delete("/sign-up")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


async def test_any_other_refusal_keeps_its_status(door: httpx.AsyncClient) -> None:
    for language in ("ko", "en"):
        answer = await door.get("/refused", headers={"Accept-Language": language})
        body = assert_problem(answer, 418, "request_refused")
        assert "a teapot" in body["detail"]


@pytest.mark.parametrize("given", ["short", "x" * 101, "with space!", "줄바꿈", "a\tb456789"])
async def test_a_request_id_that_could_harm_a_log_is_replaced(door: httpx.AsyncClient, given: str) -> None:
    answer = await door.get("/nowhere", headers={"X-Request-ID": given.encode()})
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 32


def test_a_route_documents_its_errors() -> None:
    documented = responses(*KINDS)
    assert set(documented) == {kind.status for kind in KINDS}
    assert all(MEDIA_TYPE in each["content"] for each in documented.values())


async def test_behind_a_prefix_the_api_s_own_pages_find_their_way_back(door: httpx.AsyncClient) -> None:
    page = await door.get("/docs", headers={"X-Forwarded-Prefix": "/services/identity"})
    assert "'/services/identity/openapi.json'" in page.text
    answer = await door.get("/search", params={"limit": 3}, headers={"X-Forwarded-Prefix": "/services/identity"})
    assert answer.json() == 3


@pytest.mark.parametrize("prefix", ["//evil.example", "https://evil.example", '/x"><script>', "/a/../..", ""])
async def test_a_prefix_that_leads_elsewhere_is_ignored(door: httpx.AsyncClient, prefix: str) -> None:
    page = await door.get("/docs", headers={"X-Forwarded-Prefix": prefix})
    assert "'/openapi.json'" in page.text
    assert not prefix or prefix not in page.text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"type": "int_from_float", "msg": "x"}, "소수점이 없는 정수여야 합니다."),
        ({"type": "value_error", "msg": "value is not a valid email address: x", "ctx": {"reason": "x"}}, "이메일이면"),
        ({"type": "literal_error", "msg": "x", "ctx": {"expected": "'a', 'b' or 'c'"}}, "'a', 'b', 'c'"),
        ({"type": "too_short", "msg": "x", "ctx": {"field_type": "Value", "min_length": 1}}, "1자 이상"),
        ({"type": "too_short", "msg": "x", "ctx": {"field_type": "List", "min_length": 2}}, "항목이 2개 이상"),
        ({"type": "what_nobody_knows", "msg": "Input should be odd"}, "값이 올바르지 않습니다."),
        ({"type": "string_too_long", "msg": "x"}, "값이 올바르지 않습니다."),
    ],
)
def test_a_korean_complaint_holds_no_english(error: dict, text: str) -> None:
    found = korean_text(error)
    assert text in found
    assert not re.search("[a-z]{3}", found.replace("name@example.com", ""))
