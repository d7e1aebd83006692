"""What people and programs send by mistake, at the HTTP door."""

from uuid import UUID, uuid4

import pytest

UNFIT_NAMES = {
    "empty": "",
    "blank": "   ",
    "huge": "가" * 121,
    "a megabyte": "가" * 350_000,
    "with NUL": "한빛\x00학원",
    "with a line break": "한빛\n학원",
    "invisible": "\u200b\u200b",
    "turned around": "한빛\u202eTLU",
    "signs alone": "---",
    "a number": 7,
    "null": None,
    "a list": ["한빛"],
}


def problem(answer, status: int, code: str) -> dict:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


def fields(answer) -> set[str]:
    return {item["field"] for item in problem(answer, 422, "validation_failed")["errors"]}


@pytest.fixture(scope="module")
def paths(school) -> dict[str, tuple]:
    """Every route that takes a name: who may, where, and the rest of a right body."""
    org, partner = f"/orgs/{school.org.org_id}", f"/partners/{school.partner.partner_id}"
    return {
        "partner": (school.admin, f"{org}/partners", {"owner_email": school.owner.email}),
        "course": (school.admin, f"{org}/courses", {}),
        "class": (school.owner, f"{partner}/classes", {"course_id": str(school.course.course_id)}),
    }


@pytest.mark.parametrize("kind", ["org", "partner", "course", "class"])
@pytest.mark.parametrize("name", UNFIT_NAMES.values(), ids=UNFIT_NAMES.keys())
async def test_unfit_names(client, world, paths, kind, name) -> None:
    person, path, rest = paths[kind] if kind != "org" else (await world.supervisor(), "/orgs", {})

    assert fields(await client.ask(person, "POST", path, json={**rest, "name": name})) == {"body.name"}


@pytest.mark.parametrize("kind", ["partner", "course", "class"])
async def test_unknown_and_missing_fields(client, paths, kind) -> None:
    person, path, rest = paths[kind]
    sent = {**rest, "name": "이름", "org_id": str(uuid4()), "role": "org_admin"}

    assert fields(await client.ask(person, "POST", path, json=sent)) == {"body.org_id", "body.role"}
    assert fields(await client.ask(person, "POST", path, json={})) == {f"body.{name}" for name in (*rest, "name")}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("  한빛 학원 ", "한빛 학원"),
        ("\u1112\u1161\u11ab빛", "한빛"),
        ("O'Reilly; DROP TABLE orgs;--", "O'Reilly; DROP TABLE orgs;--"),
        ("🎓 AI 교실 👩‍🏫", None),
        ("7", "7"),
        ("가" * 120, "가" * 120),
    ],
)
async def test_odd_names_that_are_names(client, school, sent, kept) -> None:
    path = f"/orgs/{school.org.org_id}/courses"
    answer = await client.ask(school.admin, "POST", path, json={"name": sent})

    assert (answer.status_code, answer.json()["name"]) == (201, kept or sent)


@pytest.mark.parametrize("bad", ["not-a-uuid", "1", "%00", "01a20472-18c4-713b-8af1-3977cd6456cg", "' OR 1=1"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/orgs/{}"),
        ("GET", "/orgs/{}/partners"),
        ("GET", "/orgs/{}/courses"),
        ("GET", "/partners/{}/classes"),
        ("GET", "/classes/{}"),
        ("GET", "/classes/{}/students"),
        ("GET", "/classes/{}/invite-codes"),
        ("DELETE", f"/classes/{UUID(int=7)}/invite-codes/{{}}"),
    ],
)
async def test_ids_that_are_none(client, school, method, path, bad) -> None:
    (field,) = fields(await client.ask(school.admin, method, path.format(bad)))

    assert field.startswith("path.")


@pytest.mark.parametrize("bad", ["not-a-uuid", None, 5, ""])
async def test_a_course_id_that_is_none(client, school, bad) -> None:
    path = f"/partners/{school.partner.partner_id}/classes"
    answer = await client.ask(school.owner, "POST", path, json={"name": "수업", "course_id": bad})

    assert fields(answer) == {"body.course_id"}


@pytest.mark.parametrize("course_id", ["a foreign one", "none at all"])
async def test_a_course_id_of_somebody_else(client, world, school, course_id) -> None:
    foreign = (await world.school()).course.course_id if course_id == "a foreign one" else uuid4()
    path = f"/partners/{school.partner.partner_id}/classes"
    answer = await client.ask(school.owner, "POST", path, json={"name": "수업", "course_id": str(foreign)})

    problem(answer, 404, "course_not_found")


@pytest.mark.parametrize("bad", ["", "minji", "minji@", "@example.com", "a b@example.com", "x" * 250 + "@example.com"])
async def test_addresses_that_are_none(client, school, bad) -> None:
    org = f"/orgs/{school.org.org_id}"

    assert fields(await client.ask(school.admin, "POST", f"{org}/admins", json={"email": bad})) == {"body.email"}
    body = {"name": "파트너", "owner_email": bad}
    assert fields(await client.ask(school.admin, "POST", f"{org}/partners", json=body)) == {"body.owner_email"}


@pytest.mark.parametrize(("language", "words"), [("ko-KR", "먼저 가입하게"), ("en;q=1, ko;q=0.5", "sign up first")])
async def test_an_address_that_has_not_signed_up(client, world, school, language, words) -> None:
    late = await world.person(announced=False)
    path = f"/orgs/{school.org.org_id}/admins"
    headers = {"Accept-Language": language}

    answer = await client.ask(school.admin, "POST", path, json={"email": late.email}, headers=headers)
    assert words in problem(answer, 404, "user_unknown")["detail"]

    await world.announce(late)
    again = await client.ask(school.admin, "POST", path, json={"email": late.email})
    assert (again.status_code, again.json()["role"]) == (200, "org_admin")


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        *(("expires_in_hours", bad) for bad in (0, -1, 24 * 366 + 1, 1.5, "24", True, None, 10**30)),
        *(("max_uses", bad) for bad in (0, -1, 10_001, 2.5, "5", True, None, 10**30)),
    ],
)
async def test_codes_for_no_time_no_use_or_no_number(client, school, field, bad) -> None:
    path = f"/classes/{school.group.class_id}/invite-codes"
    body = {"expires_in_hours": 24, "max_uses": 5, field: bad}

    assert fields(await client.ask(school.owner, "POST", path, json=body)) == {f"body.{field}"}


@pytest.mark.parametrize("bad", ["", "A" * 101, 7, None, ["A"], {"code": "A"}])
async def test_codes_that_cannot_be_codes(client, world, bad) -> None:
    answer = await client.ask(await world.person(), "POST", "/invite-codes/redeem", json={"code": bad})

    assert fields(answer) == {"body.code"}


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_a_wrong_code_and_too_many_of_them(client, world, language) -> None:
    person, headers = await world.person(), {"Accept-Language": language}
    for _ in range(20):
        wrong = await client.ask(person, "POST", "/invite-codes/redeem", json={"code": "' OR 1=1 --"}, headers=headers)
        problem(wrong, 404, "invite_code_refused")

    answer = await client.ask(person, "POST", "/invite-codes/redeem", json={"code": "0000"}, headers=headers)

    body = problem(answer, 429, "too_many_wrong_codes")
    assert 3500 < int(answer.headers["retry-after"]) <= 3600
    assert ("60분" if language == "ko" else "60 min") in body["detail"]
    assert answer.headers["content-language"] == language


@pytest.mark.parametrize("path", ["/orgs", "/enrollments"])
@pytest.mark.parametrize(("field", "bad"), [("limit", "0"), ("limit", "201"), ("limit", "x"), ("cursor", "x" * 301)])
async def test_pages_that_are_none(client, school, path, field, bad) -> None:
    assert fields(await client.ask(school.admin, "GET", path, params={field: bad})) == {f"query.{field}"}


@pytest.mark.parametrize("cursor", ["!!", "bnVsbA", "WzEsMl0", "가"])
async def test_cursors_that_nobody_gave_out(client, school, cursor) -> None:
    problem(await client.ask(school.admin, "GET", "/orgs", params={"cursor": cursor}), 422, "cursor_invalid")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"name"', b"\xff\xfe", b'{"name": "\\ud800"}'])
async def test_bodies_that_are_no_form(client, school, body) -> None:
    path, headers = f"/orgs/{school.org.org_id}/courses", {"Content-Type": "application/json"}
    answer = await client.ask(school.admin, "POST", path, content=body, headers=headers)

    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("validation_failed", "request_refused")
