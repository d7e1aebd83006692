"""An id of another tenant, wherever it is put, is answered like one that does not exist: status, body and headers."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import httpx
import pytest
from isolation_world import operations
from isolation_world.api import Described, described, expected
from isolation_world.people import Person
from isolation_world.world import World

TABLE = expected()
# Names of fields and the target that they name; the others are named like it.
_NAMES = {"document_ids": "document_id", "material_ids": "document_id", "actor_id": "user_id"}
# They choose lines by who it was, and any id is a right one there: whoever has none of the lines gets an empty page.
_BY_PERSON = {"actor_id", "user_id"}
# Paths of what a person owns, and no tenant.
_OWN = ("/users/me", "/documents", "/uploads", "/projects", "/agents", "/conversations")
# It answers for each id by itself: 200, with a 404 inside.
_ANSWERS_EACH = {"POST /documents/bulk-delete"}


@dataclass(frozen=True)
class Slot:
    """One place of a request in which an id stands."""

    described: Described
    where: str
    name: str

    def __str__(self) -> str:
        return f"{self.described.operation} {self.where}:{self.name}"


def asker(world: World, path: str) -> Person:
    """The one in the other org who may do most with things of this kind."""
    return world.theirs.owner if path.startswith((*_OWN, "/search")) else world.theirs.admin


def may_ask(operation: str) -> bool:
    """Whether such a person may do it at home; else the answer would be about that, and not about the id."""
    row = TABLE[operation]
    at_home = "owner" if operation.split(" ", 1)[1].startswith(_OWN) else "org_admin"
    return row[at_home] not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


def slots(each: Described) -> Iterator[Slot]:
    for part in each.path.split("/"):
        name = part.strip("{}")
        if part.startswith("{") and name not in ("name", "provider", "token"):
            yield Slot(each, "path", name)
    for name in each.body_fields():
        if name.endswith(("_id", "_ids")):
            yield Slot(each, "body", name)
    for name in each.query_fields():
        if name.endswith("_id"):
            yield Slot(each, "query", name)


def send(world: World, http: httpx.Client, slot: Slot, value: str) -> httpx.Response:
    """A request that is right in all else: the asker's own tenant, own things, a right body."""
    path, theirs = slot.described.path, dict(world.theirs.ids)
    options = dict(operations.of(slot.described.operation).options(world, theirs))
    named = operations.ids_for(path, theirs)
    if slot.where == "path":
        named[slot.name] = value
    elif slot.where == "body":
        given: Any = [value] if slot.name.endswith("_ids") else value
        options["json"] = options.get("json", {}) | {slot.name: given}
    else:
        options["params"] = options.get("params", {}) | {slot.name: value}
    headers = asker(world, path).headers | options.pop("headers", {})
    return http.request(slot.described.method, path.format(**named), headers=headers, **options)


def told(answer: httpx.Response, value: str) -> tuple[int, dict[str, Any], list[str]]:
    """Everything that differs by the request alone left out: the id that was asked for, and the request's own."""
    is_json = answer.content and "json" in answer.headers.get("content-type", "")
    body = answer.json() if is_json else {"text": answer.text}
    kept = {key: str(held).replace(value, "…") for key, held in body.items() if key not in ("instance", "request_id")}
    return answer.status_code, kept, sorted(answer.headers)


def ours(world: World, slot: Slot) -> str:
    if slot.described.path.startswith("/partners") and (slot.where, slot.name) == ("body", "partner_id"):
        return world.ours.ids["sibling_id"]
    name = _NAMES.get(slot.name, slot.name)
    return operations.ids_for(f"{slot.described.path}/{{{name}}}", world.ours.ids)[name]


@pytest.fixture(scope="module")
def every_slot(http: httpx.Client) -> list[Slot]:
    return [slot for each in described(http) if may_ask(each.operation) for slot in slots(each)]


def test_a_foreign_id_is_answered_like_a_missing_one(world, http, every_slot):
    wrong = {}
    for slot in every_slot:
        foreign = ours(world, slot)
        missing = f"{uuid4().hex[:8]}.example.org" if slot.name == "domain" else str(uuid4())
        answers = [told(send(world, http, slot, value), value) for value in (foreign, missing)]
        fine = (slot.where == "query" and slot.name in _BY_PERSON) or slot.described.operation in _ANSWERS_EACH
        if answers[0] != answers[1] or answers[0][0] != (HTTPStatus.OK if fine else HTTPStatus.NOT_FOUND):
            wrong[str(slot)] = [answer[:2] for answer in answers]
    assert wrong == {}


def test_there_are_ids_in_every_kind_of_place(every_slot):
    counted = {where: sum(slot.where == where for slot in every_slot) for where in ("path", "body", "query")}
    nested = [slot for slot in every_slot if slot.where == "path" and slot.described.path.count("{") > 1]
    assert counted["path"] > 80, counted
    assert counted["body"] >= 8, counted
    assert counted["query"] > 15, counted
    assert len(nested) > 20
