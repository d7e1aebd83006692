"""What the login before a route may answer is documented with every such route, and with no other."""

from uuid import UUID

import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from chassis.app import create_app
from chassis.auth import Caller, EnrollingCaller
from chassis.errors import Conflict
from chassis.problems import MEDIA_TYPE, responses

LOGIN = {"401", "403", "429", "503"}


@pytest.fixture
def operations(access_with):
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

    app = create_app(
        service="t", title="t", routers=[router], access=access_with(), wired=None, registry=CollectorRegistry()
    )
    document = app.openapi()
    assert app.openapi() == document, "the same, however often it is asked for"
    return {path: next(iter(methods.values())) for path, methods in document["paths"].items()}


def test_behind_a_login(operations) -> None:
    assert set(operations["/mine"]["responses"]) == LOGIN | {"200", "409"}
    assert set(operations["/enrolment"]["responses"]) == LOGIN | {"200"}
    for status in LOGIN:
        assert MEDIA_TYPE in operations["/mine"]["responses"][status]["content"]


def test_before_it(operations) -> None:
    assert set(operations["/open"]["responses"]) == {"200"}
