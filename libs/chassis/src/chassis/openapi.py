"""The API's description: what any route may answer, and what only our own validation reads, is settled in one place."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from chassis import openapi_examples
from chassis.errors import Forbidden, Invalid, RateLimited, Unauthenticated, Unavailable
from chassis.problems import MEDIA_TYPE, Problem, responses

# No valid session; a key that does not reach the route; a query it does not know; the requests of this minute; the
# database.
_BEHIND_A_LOGIN = responses(Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable)
_PLAIN = {"text/plain": {"schema": {"type": "string"}}}
_MALFORMED = {
    "description": "Malformed request: bytes that are no JSON, or an address that the gateway does not take",
    "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
}
# The gateway refuses before any service is asked, and has no problems of its own.
_ALSO_THE_GATEWAY = ("400", "429")


def install(app: FastAPI) -> None:
    describe = app.openapi

    def described() -> dict[str, Any]:
        document: dict[str, Any] = describe()
        for methods in document["paths"].values():
            for operation in methods.values():
                _complete(operation)
        for schema in _schemas(document):
            # Unicode classes are our engine's; other languages' validators and generators stumble over them.
            if r"\p{" in str(schema.get("pattern", "")):
                del schema["pattern"]
        openapi_examples.add(document)
        return document

    app.openapi = described  # type: ignore[method-assign]


def _complete(operation: dict[str, Any]) -> None:
    documented = operation["responses"]
    if operation.get("security"):
        for status, response in _BEHIND_A_LOGIN.items():
            documented.setdefault(str(status), response)
    if operation.get("security") or "requestBody" in operation or operation.get("parameters"):
        documented.setdefault("400", _MALFORMED)
    for status in _ALSO_THE_GATEWAY:
        if status in documented:
            documented[status] = documented[status] | {"content": documented[status].get("content", {}) | _PLAIN}


def _schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object of the description, each of which may be a schema."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _schemas(child)
