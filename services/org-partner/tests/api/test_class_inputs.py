"""Courses, classes, materials and codes at the HTTP door: what people and programs send, and what answers look like."""

import base64
from uuid import uuid4

import pytest


def fields(answer) -> set[str]:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "validation_failed"), body
    return {".".join(item["field"].split(".")[:2]) for item in body["errors"]}


@pytest.fixture(scope="module")
def at_partner(school) -> str:
    return f"/partners/{school.partner.partner_id}/classes"


@pytest.fixture(scope="module")
def at_class(school) -> str:
    return f"/classes/{school.group.class_id}"


def form(school, **changes) -> dict:
    return {"course_id": str(school.course.course_id), "name": "화목 오전반"} | changes


WON = {"amount": 1, "currency": "KRW", "period": "month"}
UNFIT = {
    "status": ["closed", "scheduled", "", None, 1, ["open"]],
    "opens_at": [
        "",
        "tomorrow",
        "2026-13-01T00:00",
        1_900_000_000,
        "1900000000",
        True,
        "0001-01-01T00:00:00+09:00",
        "9999-12-31T23:59:59-12:00",
        "1999-12-31",
        {},
    ],
    "closes_at": ["x" * 100_000, "2026-02-30T00:00:00", "\x00", -1],
    "capacity": [0, -1, 1.5, "30", True, 10**9, [], {}],
    "allowed_models": [None, "growfit-extractive", [1], [""], ["x" * 201], ["a"] * 51, {}],
    "class_budget": [
        1,
        {},
        WON | {"amount": -1},
        WON | {"amount": 1.5},
        WON | {"amount": "1"},
        WON | {"amount": True},
        WON | {"amount": 10**30},
        WON | {"currency": "won"},
        WON | {"currency": "XXX"},
        WON | {"period": "day"},
        WON | {"spent": 0},
    ],
    "student_budget": ["50000", [WON], {"amount": 1, "currency": "KRW"}],
}
CASES = [(field, bad) for field, values in UNFIT.items() for bad in values]


@pytest.mark.parametrize(("field", "bad"), CASES, ids=[f"{field}-{place}" for place, (field, _) in enumerate(CASES)])
async def test_unfit_values_when_a_class_is_made_and_when_it_is_changed(
    client, school, at_partner, at_class, field, bad
) -> None:
    made = await client.ask(school.owner, "POST", at_partner, json=form(school, **{field: bad}))
    assert fields(made) == {f"body.{field}"}
    changed = await client.ask(school.owner, "PATCH", at_class, json={field: bad})
    assert fields(changed) == {f"body.{field}"}


@pytest.mark.parametrize("bad", [None, "x", ["x"], [1], [None], [str(uuid4())] * 201, {}])
async def test_unfit_materials(client, school, at_partner, at_class, bad) -> None:
    made = await client.ask(school.owner, "POST", at_partner, json=form(school, material_ids=bad))
    assert fields(made) == {"body.material_ids"}
    put = await client.ask(school.owner, "PUT", f"{at_class}/materials", json={"document_ids": bad})
    assert fields(put) == {"body.document_ids"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (
            "POST",
            "{partner}",
            {"version": 1, "config_version": 1, "opened_at": None, "org_id": str(uuid4()), "state": "open"},
        ),
        (
            "PATCH",
            "{class}",
            {"status": "open", "course_id": str(uuid4()), "partner_id": str(uuid4()), "material_ids": []},
        ),
        ("POST", "{class}/reopen", {"opens_at": None, "status": "open"}),
        ("PUT", "{class}/materials", {"added_by": str(uuid4())}),
        ("POST", "{class}/materials", {"document_ids": []}),
        ("POST", "{class}/invite-codes", {"used_count": 0, "code": "x", "state": "active"}),
    ],
)
async def test_unknown_fields(client, school, at_partner, at_class, method, path, body) -> None:
    answer = await client.ask(
        school.owner, method, path.format(**{"partner": at_partner, "class": at_class}), json=body
    )
    assert {f"body.{name}" for name in body} <= fields(answer)


@pytest.mark.parametrize("name", ["name", "allowed_models", "version"])
async def test_what_cannot_be_taken_away(client, school, at_class, name) -> None:
    assert fields(await client.ask(school.owner, "PATCH", at_class, json={name: None})) == {f"body.{name}"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2030-03-02T09:00:00", "2030-03-02T09:00:00+09:00"),
        ("2030-03-02T09:00:00+09:00", "2030-03-02T09:00:00+09:00"),
        ("2030-03-02T00:00:00Z", "2030-03-02T09:00:00+09:00"),
        ("2030-03-01T19:00:00-05:00", "2030-03-02T09:00:00+09:00"),
        ("2030-03-02", "2030-03-02T00:00:00+09:00"),
        ("2030-03-02 09:00", "2030-03-02T09:00:00+09:00"),
    ],
)
async def test_times_are_seouls_at_the_edge(client, school, at_partner, sent, kept) -> None:
    answer = await client.ask(school.owner, "POST", at_partner, json=form(school, opens_at=sent, status="draft"))

    assert (answer.status_code, answer.json()["opens_at"]) == (201, kept)


async def test_a_class_from_draft_to_closed_and_open_again(client, world, school, at_partner) -> None:
    body = form(
        school,
        status="draft",
        opens_at=None,
        closes_at="2190-01-01T00:00:00",
        capacity=30,
        allowed_models=["growfit-extractive"],
        class_budget=WON | {"amount": 5, "period": "total"},
        student_budget=WON,
    )
    made = (await client.ask(school.owner, "POST", at_partner, json=body)).json()
    assert (made["status"], made["opened_at"], made["version"]) == ("draft", None, 1)
    assert (made["class_budget"], made["student_budget"]) == (body["class_budget"], WON)
    at = f"/classes/{made['class_id']}"

    states = []
    for step in ("open", "close", "reopen"):
        answer = await client.ask(school.owner, "POST", f"{at}/{step}")
        states.append(answer.json()["status"])
    assert states == ["open", "closed", "open"]
    stale = await client.ask(school.owner, "PATCH", at, json={"capacity": None, "version": 1})
    assert (stale.status_code, stale.json()["code"]) == (409, "version_stale")
    version = stale.json()["current_version"]
    fresh = await client.ask(school.owner, "PATCH", at, json={"capacity": None, "version": version})
    assert (fresh.status_code, fresh.json()["capacity"]) == (200, None)
    closed = await client.ask(school.owner, "POST", f"{at}/close")
    reopened = await client.ask(school.owner, "POST", f"{at}/reopen", json={"closes_at": "2191-01-01T00:00:00"})
    assert (closed.json()["status"], reopened.json()["closes_at"]) == ("closed", "2191-01-01T00:00:00+09:00")


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_refusals_say_what_to_do_in_both_languages(client, school, at_partner, at_class, language) -> None:
    headers = {"Accept-Language": language}
    korean = language == "ko"

    async def detail(method: str, path: str, body: dict) -> str:
        answer = await client.ask(school.owner, method, path, json=body, headers=headers)
        return f"{answer.status_code} {answer.json()['code']} {answer.json()['detail']}"

    model = await detail("PATCH", at_class, {"allowed_models": ["gpt-9"]})
    assert model.startswith("422 model_not_allowed")
    assert ("중에서 고르거나" if korean else "Choose from") in model
    period = await detail("POST", at_partner, form(school, closes_at="2020-01-01"))
    assert period.startswith("422 period_invalid")
    assert ("확인하세요" if korean else "Check") in period
    missing = await detail("POST", f"{at_class}/materials", {"document_id": str(uuid4())})
    assert missing.startswith("404 document_not_found")
    assert ("문서" if korean else "document") in missing


async def test_materials_with_their_titles(client, world) -> None:
    school = await world.school()
    document_id = await world.document(school.owner, title="교재.pdf")
    path = f"/classes/{school.group.class_id}/materials"

    put = await client.ask(school.owner, "PUT", path, json={"document_ids": [str(document_id)]})
    (item,) = (await client.ask(await world.student(school), "GET", path)).json()["items"]

    assert (put.status_code, put.content) == (204, b"")
    assert (item["document_id"], item["title"], item["is_live"]) == (str(document_id), "교재.pdf", True)
    assert (await client.ask(school.owner, "DELETE", f"{path}/{document_id}")).status_code == 204
    assert (await client.ask(school.owner, "DELETE", f"{path}/{document_id}")).status_code == 404


async def test_materials_by_a_part_of_their_title(client, world) -> None:
    school = await world.school()
    ids = {title: str(await world.document(school.owner, title=title)) for title in ("환불 규정.pdf", "100%_교재.pdf")}
    path = f"/classes/{school.group.class_id}/materials"
    await client.ask(school.owner, "PUT", path, json={"document_ids": list(ids.values())})

    for text, found in (("규정", ["환불 규정.pdf"]), ("%_", ["100%_교재.pdf"]), ("PDF", list(ids)), ("없는", [])):
        page = (await client.ask(school.owner, "GET", path, params={"title": text})).json()
        assert {item["document_id"] for item in page["items"]} == {ids[title] for title in found}, text


async def test_materials_page_by_page(client, world) -> None:
    school = await world.school()
    ids = [str(await world.document(school.owner)) for _ in range(5)]
    path, cursor, seen = f"/classes/{school.group.class_id}/materials", None, []
    await client.ask(school.owner, "PUT", path, json={"document_ids": ids})

    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.ask(school.owner, "GET", path, params=params)).json()
        seen += [item["document_id"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert sorted(seen) == sorted(ids)


async def test_an_issued_code_comes_with_its_picture(client, school, at_class) -> None:
    body = {"expires_in_hours": 1, "max_uses": 1, "label": " 3월 등록 ", "note": "첫 줄\n둘째 줄"}
    issued = (await client.ask(school.owner, "POST", f"{at_class}/invite-codes", json=body)).json()

    assert base64.b64decode(issued["qr_png_base64"]).startswith(b"\x89PNG\r\n\x1a\n")
    assert issued["join_url"].endswith(f"/join#code={issued['code']}")
    assert (issued["label"], issued["note"]) == ("3월 등록", "첫 줄\n둘째 줄")
    listed = await client.ask(school.owner, "GET", f"{at_class}/invite-codes", params={"state": "active"})
    assert issued["code"] not in listed.text
    assert not {"qr_png_base64", "join_url", "code"} & listed.json()["items"][0].keys()


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        *(("label", bad) for bad in ("x" * 121, "a\nb", "a\x00", None, 1)),
        *(("note", bad) for bad in ("x" * 2001, "\x00", None, 1)),
    ],
)
async def test_labels_and_notes_that_are_none(client, school, at_class, field, bad) -> None:
    body = {"expires_in_hours": 1, "max_uses": 1, field: bad}

    assert fields(await client.ask(school.owner, "POST", f"{at_class}/invite-codes", json=body)) == {f"body.{field}"}


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("{partner}", {"status": "paused"}),
        ("{partner}", {"course_id": "x"}),
        ("{partner}", {"name": ""}),
        ("{partner}", {"name": "a\x00b"}),
        ("{partner}", {"name": "x" * 121}),
        ("{partner}", {"open_from": "1"}),
        ("{class}/students", {"status": "gone"}),
        ("{class}/students", {"text": "\x00"}),
        ("{class}/students", {"enrolled_from": "yesterday"}),
        ("{class}/invite-codes", {"state": "lost"}),
        ("{course}", {"archived": "perhaps"}),
        ("{course}", {"name": "\n"}),
        ("/enrollments", {"status": "gone"}),
    ],
)
async def test_filters_that_are_none(client, school, at_partner, at_class, path, params) -> None:
    places = {"partner": at_partner, "class": at_class, "course": f"/orgs/{school.org.org_id}/courses"}
    answer = await client.ask(school.owner, "GET", path.format(**places), params=params)

    assert fields(answer) == {f"query.{name}" for name in params}


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("description", "x" * 2001),
        ("description", "\x00"),
        ("description", None),
        ("name", ""),
        ("archived", "yes"),
        ("archived", None),
        ("version", 0),
        ("version", "1"),
        ("version", 2**31),
    ],
)
async def test_changes_of_courses_that_are_none(client, school, field, bad) -> None:
    path = f"/orgs/{school.org.org_id}/courses/{school.course.course_id}"

    assert fields(await client.ask(school.admin, "PATCH", path, json={field: bad})) == {f"body.{field}"}


async def test_nobody_reaches_a_course_under_another_org(client, world, school) -> None:
    other = await world.school()
    path = f"/orgs/{school.org.org_id}/courses/{other.course.course_id}"
    for method, options in (("GET", {}), ("PATCH", {"json": {"name": "훔침"}}), ("DELETE", {})):
        answer = await client.ask(school.admin, method, path, **options)
        assert (answer.status_code, answer.json()["code"]) == (404, "course_not_found")
