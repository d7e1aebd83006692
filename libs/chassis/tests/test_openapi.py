"""What stands before a route is documented with it: its login, the gateway, bytes that are no JSON."""

from typing import Annotated
from uuid import UUID

import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, StringConstraints

from chassis.app import create_app
from chassis.auth import Caller, EnrollingCaller
from chassis.errors import Conflict
from chassis.problems import MEDIA_TYPE, responses

LOGIN = {"401", "403", "429", "503"}
GATEWAY = {"400", "429"}


class Named(BaseModel):
    name: Annotated[str, StringConstraints(pattern=r"^\p{L}+$")]
    code: Annotated[str, StringConstraints(pattern=r"^[a-z]+$")]


@pytest.fixture
def document(access_with):
    router = APIRouter()

    @router.get("/mine", responses=responses(Conflict))
    async def mine(caller: Caller) -> UUID:
        return caller.user_id

    @router.post("/enrolment")
    async def enrolment(caller: EnrollingCaller) -> UUID:
        return caller.user_id

    @router.get("/open")
    async def open_() -> int:
        return 1

    @router.post("/named")
    async def named(body: Named) -> str:
        return body.name

    app = create_app(
        service="t", title="t", routers=[router], access=access_with(), wired=None, registry=CollectorRegistry()
    )
    document = app.openapi()
    assert app.openapi() == document, "the same, however often it is asked for"
    return document


@pytest.fixture
def operations(document):
    return {path: next(iter(methods.values())) for path, methods in document["paths"].items()}


def test_behind_a_login(operations) -> None:
    assert set(operations["/mine"]["responses"]) == LOGIN | {"200", "400", "409"}
    assert set(operations["/enrolment"]["responses"]) == LOGIN | {"200", "400"}
    for status in LOGIN:
        assert MEDIA_TYPE in operations["/mine"]["responses"][status]["content"]


def test_before_it(operations) -> None:
    assert set(operations["/open"]["responses"]) == {"200"}


def test_the_gateway_s_own_refusals_are_plain_texts(operations) -> None:
    contents = {status: set(response["content"]) for status, response in operations["/mine"]["responses"].items()}
    assert {status for status, types in contents.items() if "text/plain" in types} == GATEWAY
    assert all(MEDIA_TYPE in contents[status] for status in GATEWAY)


def test_a_body_may_be_malformed_without_a_login_too(operations) -> None:
    assert "400" in operations["/named"]["responses"]


def test_patterns_of_our_own_engine_are_not_published(document) -> None:
    properties = document["components"]["schemas"]["Named"]["properties"]
    assert "pattern" not in properties["name"]
    assert properties["code"]["pattern"] == "^[a-z]+$"
