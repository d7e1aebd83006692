"""Rosters and enrolments at the HTTP door, hostile files among them."""

from uuid import uuid4

import pytest

CSV = {"Content-Type": "text/csv"}


@pytest.fixture(scope="module")
def path(school) -> str:
    return f"/classes/{school.group.class_id}/students/import"


def told(answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("how", ["body", "form"])
async def test_a_roster_as_a_body_and_as_a_form(client, world, school, path, encoding, how) -> None:
    person = await world.person()
    content = f"이름,이메일\r\n김민지,{person.email}\r\n이서준,없음\r\n".encode(encoding)
    options = (
        {"content": content, "headers": CSV}
        if how == "body"
        else {"files": {"file": ("명단.csv", content, "application/octet-stream")}, "data": {"memo": "x"}}
    )

    answer = await client.ask(school.owner, "POST", path, **options)

    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "dry_run": False,
        "counts": {"enrolled": 1, "invalid": 1},
        "rows": [
            {"row": 2, "email": person.email, "outcome": "enrolled", "message": "수강 등록했습니다."},
            {
                "row": 3,
                "email": "없음",
                "outcome": "invalid",
                "message": "이메일 주소가 아닙니다. 고쳐서 다시 보내세요.",
            },
        ],
    }


async def test_the_report_speaks_english_and_names_the_first_of_a_pair(client, world, school, path) -> None:
    person = await world.person()
    content = f"email\n{person.email}\n{person.email}\n"
    headers = CSV | {"Accept-Language": "en"}

    answer = await client.ask(school.owner, "POST", path, content=content, headers=headers, params={"dry_run": "true"})

    assert answer.json()["dry_run"] is True
    assert [row["message"] for row in answer.json()["rows"]] == [
        "Enrolled.",
        "The same address as in row 2. Write it once.",
    ]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "csv_empty"),
        (b"\x00" * 100, 422, "csv_encoding_unknown"),
        ("email\na@example.com".encode("utf-16"), 422, "csv_encoding_unknown"),
        (bytes(range(256)) * 100, 422, "csv_encoding_unknown"),
        (b'email\n"a@example.com', 422, "csv_unreadable"),
        (b"name\nx", 422, "csv_columns_missing"),
        (b"email\n" + b"a@example.com\n" * 2001, 422, "csv_too_many_rows"),
        (b"email\n" + b'"' * 900_000, 422, "csv_unreadable"),
        (b"," * 1_000_000, 422, "csv_empty"),
        (b"email\n" + b"\n" * 1_000_000, 422, "csv_empty"),
        (b"x" * (1024 * 1024 + 1), 413, "csv_too_large"),
        (b"a@example.com\n" * 800_000, 413, "csv_too_large"),
    ],
)
@pytest.mark.parametrize("how", ["body", "form"])
async def test_hostile_files(client, school, path, content, status, code, how) -> None:
    options = {"content": content, "headers": CSV} if how == "body" else {"files": {"file": ("x.csv", content)}}

    answer = await client.ask(school.owner, "POST", path, **options)

    assert told(answer) == (status, code)
    assert len(answer.content) < 2000


FORM = "multipart/form-data; boundary=x"
CUT_OFF = b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nemail"
OF_ANOTHER_NAME = b"--x\r\nContent-Disposition: form-data; name=other\r\n\r\nemail\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("", b"email\na@example.com", 415),
        ("application/json", b"{}", 415),
        ("application/pdf", b"%PDF", 415),
        ("multipart/form-data", b"--x", 415),
        (FORM, b"", 422),
        (FORM, b"garbage", 422),
        (FORM, CUT_OFF, 422),
        (FORM, OF_ANOTHER_NAME, 422),
        (f"multipart/form-data; boundary={'x' * 10_000}", b"--x", 422),
        (b"\x80", b"", 415),
    ],
)
async def test_requests_that_hold_no_file(client, school, path, kind, content, status) -> None:
    answer = await client.ask(school.owner, "POST", path, content=content, headers={"Content-Type": kind})

    assert told(answer) == (status, "csv_missing")


async def test_two_files_are_none(client, school, path) -> None:
    files = [("file", ("a.csv", b"email\na@example.com")), ("file", ("b.csv", b"email\nb@example.com"))]

    assert told(await client.ask(school.owner, "POST", path, files=files)) == (422, "csv_missing")


@pytest.mark.parametrize("params", [{"dry_run": "perhaps"}, {"invite_unknown": "2"}])
async def test_wishes_that_are_none(client, school, path, params) -> None:
    answer = await client.ask(school.owner, "POST", path, content="email\na@example.com", headers=CSV, params=params)
    assert told(answer) == (422, "validation_failed")


async def test_an_export_is_a_file_that_nobody_keeps(client, world) -> None:
    school = await world.school()
    person = await world.student(school)
    path = f"/classes/{school.group.class_id}/students/export"

    answer = await client.ask(school.owner, "GET", path, headers={"Accept-Language": "en"})

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "students.csv" in answer.headers["content-disposition"]
    head, line = answer.content.decode("utf-8-sig").splitlines()
    assert (head.split(",")[0], line.split(",")[0]) == ('"email"', f'"{person.email}"')


async def test_an_enrolment_through_its_life(client, world) -> None:
    school = await world.school()
    other = await world.another_class(school)
    person, enrollment_id = await world.enrolled(school)
    at = f"/enrollments/{enrollment_id}"

    statuses = []
    for step in ("pause", "resume", "end", "resume"):
        answer = await client.ask(school.owner, "POST", f"{at}/{step}")
        statuses.append((answer.json()["status"], answer.json()["version"]))
    assert statuses == [("paused", 2), ("active", 3), ("ended", 4), ("active", 5)]

    moved = await client.ask(school.owner, "POST", f"{at}/transfer", json={"class_id": str(other.group.class_id)})
    assert (moved.json()["class_id"], moved.json()["status"]) == (str(other.group.class_id), "active")
    history = (await client.ask(school.owner, "GET", f"{at}/history", params={"limit": 3})).json()
    assert [item["action"] for item in history["items"]] == ["transferred", "resumed", "ended"]
    rest = await client.ask(school.owner, "GET", f"{at}/history", params={"cursor": history["next_cursor"]})
    assert [item["action"] for item in rest.json()["items"]] == ["resumed", "paused", "enrolled"]
    assert history["items"][0]["actor_name"] == "김민지"
    resumed = (await client.ask(school.owner, "GET", f"{at}/history", params={"action": "resumed"})).json()
    assert [item["version"] for item in resumed["items"]] == [5, 3]
    assert (await client.ask(school.owner, "GET", f"{at}/history", params={"action": "gone"})).status_code == 422
    left = await client.ask(person, "POST", f"/enrollments/{moved.json()['enrollment_id']}/leave")
    assert left.json()["status"] == "ended"
    mine = (await client.ask(person, "GET", "/enrollments", params={"status": "ended"})).json()
    assert len(mine["items"]) == 2


@pytest.mark.parametrize("bad", [None, "", "x", 5, [], {}])
async def test_a_class_to_move_to_that_is_none(client, world, school, bad) -> None:
    _, enrollment_id = await world.enrolled(school)
    answer = await client.ask(school.owner, "POST", f"/enrollments/{enrollment_id}/transfer", json={"class_id": bad})
    assert told(answer) == (422, "validation_failed")


async def test_an_enrolment_of_another_class_of_ones_own_is_reached_and_anothers_is_not(client, world, school) -> None:
    elsewhere = await world.school()
    _, theirs = await world.enrolled(elsewhere)
    for enrollment_id in (theirs, uuid4()):
        for method, step in (
            ("GET", ""),
            ("GET", "/history"),
            ("POST", "/pause"),
            ("POST", "/end"),
            ("POST", "/leave"),
        ):
            answer = await client.ask(school.admin, method, f"/enrollments/{enrollment_id}{step}")
            assert told(answer) == (404, "enrollment_not_found")


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_a_full_class_says_so(client, world, school, language) -> None:
    made = await world.another_class(school, capacity=1)
    issued = await world.code(made)
    await world.student(made)

    answer = await client.ask(
        await world.person(),
        "POST",
        "/invite-codes/redeem",
        json={"code": issued.code},
        headers={"Accept-Language": language},
    )

    assert told(answer) == (409, "class_full")
    assert ("정원(1명)" if language == "ko" else "All 1 seats") in answer.json()["detail"]


async def test_of_60_wrong_codes_over_http_20_are_called_wrong_and_the_rest_wait(client, world, school) -> None:
    guesser, other, issued = await world.person(), await world.person(), await world.code(school)
    seen = []
    for number in range(60):
        answer = await client.ask(guesser, "POST", "/invite-codes/redeem", json={"code": f"0000-0000-0000-{number:04}"})
        seen.append(answer.status_code)

    assert (seen.count(404), seen.count(429)) == (20, 40)
    right = await client.ask(other, "POST", "/invite-codes/redeem", json={"code": issued.code})
    assert right.status_code == 200
