"""What stands before a route is documented with it: its login, the gateway, bytes that are no JSON."""

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import jsonschema
import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, StringConstraints

from chassis import openapi_examples
from chassis.app import create_app
from chassis.auth import Caller, EnrollingCaller
from chassis.errors import Conflict
from chassis.problems import MEDIA_TYPE, responses

LOGIN = {"401", "403", "422", "429", "503"}
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


def of(schema: dict, **schemas: dict):
    answer = {"content": {"application/json": {"schema": schema}}}
    described = {
        "paths": {"/x": {"get": {"responses": {"200": answer}}}},
        "components": {"schemas": schemas},
    }
    openapi_examples.add(described)
    return answer["content"]["application/json"]["example"]


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "string", "examples": ["월수 저녁반"]}, "월수 저녁반"),
        ({"type": "string", "enum": ["open", "closed"]}, "open"),
        ({"const": "Bearer"}, "Bearer"),
        ({"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 3}]}, 3),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"key": 1}),
        ({"$ref": "#/components/schemas/Named"}, {"name": "민지", "note": None, "of": []}),
        # Its own field has no example, and another one of that name has.
        ({"type": "object", "properties": {"name": {"type": "string"}}}, {"name": "민지"}),
        ({"type": "object", "properties": {"name": {"type": "integer"}}}, {"name": 1}),
    ],
)
def test_an_answer_is_shown_by_the_examples_of_its_fields(schema, example) -> None:
    tree = {"type": "array", "items": {"$ref": "#/components/schemas/Named"}}
    named = {"name": {"type": "string", "examples": ["민지"]}, "note": {"type": "null"}, "of": tree}
    assert of(schema, Named={"type": "object", "properties": named}) == example


def test_an_example_that_somebody_wrote_stays() -> None:
    content = {"schema": {"type": "string"}, "example": "written"}
    openapi_examples.add({"paths": {"/x": {"get": {"responses": {"200": {"content": {"application/json": content}}}}}}})
    assert content["example"] == "written"


DOCUMENTS = sorted((Path(__file__).parents[3] / "docs/openapi").glob("*.json"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_successful_answer_has_an_example_that_is_one(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    shown = 0
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json")
                if status.startswith("2") and content:
                    resolved = content["schema"] | {"components": document["components"]}
                    jsonschema.validate(content["example"], resolved, jsonschema.Draft202012Validator)
                    shown += 1
    assert shown > 3
