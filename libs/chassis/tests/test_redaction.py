"""What is personal leaves the dead letters too, and what is left of them can still be driven again."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert

from chassis import dead_letters

WHO = uuid4()
FIELDS = {"email", "display_name"}


@pytest.fixture
def bury(store):
    async def write(body: str) -> UUID:
        letter_id = uuid4()
        row = {
            "id": letter_id, "consumer": "usage_metrics-x", "stream": "IDENTITY", "stream_seq": 1, "subject": "x",
            "body": body, "reason": "defect", "error": "", "deliveries": 1,
        }  # fmt: skip
        async with store.database.transaction() as session:
            await session.execute(insert(store.plumbing.dead_letters).values(**row))
        return letter_id

    return write


@pytest.fixture
def redact(store):
    """How many letters changed, and what their bodies are then."""

    async def run(about: UUID = WHO) -> tuple[int, dict[UUID, str]]:
        async with store.database.transaction() as session:
            changed = await dead_letters.redact(session, about, fields=FIELDS)
        return changed, {row.id: row.body for row in await store.letters()}

    return run


def event(**data: Any) -> str:
    return json.dumps({"id": "1", "type": "identity.user.changed.v1", "data": data}, ensure_ascii=False)


async def test_the_named_texts_of_one_person_are_emptied(bury, redact) -> None:
    mine = await bury(event(user_id=str(WHO), email="minji@example.com", display_name="김민지", version=3))
    other = await bury(event(user_id=str(uuid4()), email="other@example.com"))
    changed, bodies = await redact()
    assert changed == 1
    assert json.loads(bodies[mine])["data"] == {"user_id": str(WHO), "email": "", "display_name": "", "version": 3}
    assert json.loads(bodies[mine])["type"] == "identity.user.changed.v1"
    assert "other@example.com" in bodies[other]


async def test_a_letter_without_such_texts_stays_as_it_is(bury, redact) -> None:
    letter = await bury(event(user_id=str(WHO), token_epoch=1))
    changed, bodies = await redact()
    assert (changed, bodies[letter]) == (0, event(user_id=str(WHO), token_epoch=1))


@pytest.mark.parametrize(
    "body", ["{}", "[]", "no json {who}", '{"data": [1], "x": "{who}"}', '{"data": null, "x": "{who}"}']
)
async def test_what_is_no_event_goes_as_a_whole_where_it_names_them(bury, redact, body) -> None:
    letter = await bury(body.replace("{who}", str(WHO)))
    changed, bodies = await redact()
    assert (changed, bodies[letter]) == ((1, "") if str(WHO) in body.replace("{who}", str(WHO)) else (0, body))


async def test_again_changes_nothing(bury, redact) -> None:
    await bury(event(user_id=str(WHO), email="minji@example.com"))
    first = (await redact())[1]
    changed, bodies = await redact()
    assert bodies == first
    assert changed == 0
