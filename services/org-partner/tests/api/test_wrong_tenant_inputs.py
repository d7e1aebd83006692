"""What people and programs send by mistake to the routes of orgs, partners, members, domains and invitations."""

from uuid import UUID, uuid4

import pytest

UNFIT_LINES = {
    "empty": "",
    "blank": "   ",
    "huge": "가" * 501,
    "with NUL": "점검\x00",
    "with a line break": "점검\n중",
    "turned around": "점검\u202e",
    "signs alone": "---",
    "a number": 7,
    "null": None,
    "a list": ["점검"],
}
NOT_BOOLEANS = ["true", 1, 0, None, [], "on"]


def problem(answer, status: int, code: str) -> dict:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert answer.headers["content-type"] == "application/problem+json"
    return body


def fields(answer) -> set[str]:
    return {item["field"] for item in problem(answer, 422, "validation_failed")["errors"]}


@pytest.fixture(scope="module")
async def supervisor(world):
    return await world.supervisor()


@pytest.fixture(scope="module")
def org(school) -> str:
    return f"/orgs/{school.org.org_id}"


@pytest.fixture(scope="module")
def partner(school) -> str:
    return f"/partners/{school.partner.partner_id}"


@pytest.mark.parametrize("bad", UNFIT_LINES.values(), ids=UNFIT_LINES.keys())
async def test_unfit_reasons(client, supervisor, org, partner, bad) -> None:
    for path in (f"{org}/suspend", f"{org}/close", f"{partner}/suspend"):
        assert fields(await client.ask(supervisor, "POST", path, json={"reason": bad})) == {"body.reason"}


@pytest.mark.parametrize(
    "bad", ["", "  ", "가" * 121, "한빛\n", "한\x00", "\u200b", "---", 7, None, ["x"], "한\u202e빛"]
)
async def test_unfit_new_names(client, school, org, partner, bad) -> None:
    stripped = isinstance(bad, str) and bad == "한빛\n"
    for person, path in ((school.admin, org), (school.owner, partner)):
        answer = await client.ask(person, "PATCH", path, json={"name": bad})
        if stripped:
            assert answer.json()["name"] == "한빛"
        else:
            assert fields(answer) == {"body.name"}


@pytest.mark.parametrize("bad", [0, -1, 1.5, "1", True, None, 10**30])
async def test_versions_that_are_none(client, school, org, partner, bad) -> None:
    for path in (org, partner):
        body = {"name": "이름", "version": bad}
        assert fields(await client.ask(school.admin, "PATCH", path, json=body)) == {"body.version"}


@pytest.mark.parametrize("bad", NOT_BOOLEANS)
async def test_switches_that_are_neither_on_nor_off(client, school, supervisor, org, bad) -> None:
    body = {"members_only_from_domains": bad}
    assert fields(await client.ask(school.admin, "PATCH", org, json=body)) == {"body.members_only_from_domains"}
    body = {"reason": "끝", "force": bad}
    assert fields(await client.ask(supervisor, "POST", f"{org}/close", json=body)) == {"body.force"}
    body = {"name": "새 파트너", "owner_email": "x@example.com", "invite_owner": bad}
    answer = await client.ask(school.admin, "POST", f"{org}/partners", json=body)
    assert fields(answer) == {"body.invite_owner"}


async def test_what_cannot_be_set_is_refused_whoever_sends_it(client, school, supervisor, org, partner) -> None:
    """Mass assignment: what only other routes, or nothing, may change."""
    for path, hidden in (
        (org, ("org_id", "status", "status_reason", "created_at")),
        (partner, ("partner_id", "org_id", "status", "status_reason", "created_at")),
    ):
        for name in hidden:
            for person in (school.admin, supervisor):
                answer = await client.ask(person, "PATCH", path, json={"name": "이름", name: "active"})
                assert fields(answer) == {f"body.{name}"}
    body = {"email": "x@example.com", "role": "assistant", "org_id": str(uuid4()), "state": "accepted"}
    answer = await client.ask(school.admin, "POST", f"{partner}/invitations", json=body)
    assert fields(answer) == {"body.org_id", "body.state"}
    body = {"email": "x@example.com", "role": "assistant", "user_id": str(uuid4())}
    assert fields(await client.ask(school.admin, "POST", f"{partner}/members", json=body)) == {"body.user_id"}


@pytest.mark.parametrize("bad", ["org_admin", "student", "king", "", None, 1, ["assistant"], "Instructor"])
async def test_roles_that_a_partner_does_not_have(client, world, school, partner, bad) -> None:
    person = await world.person()
    for path in (f"{partner}/members", f"{partner}/invitations"):
        body = {"email": person.email, "role": bad}
        assert fields(await client.ask(school.admin, "POST", path, json=body)) == {"body.role"}
    path = f"{partner}/members/{uuid4()}"
    assert fields(await client.ask(school.admin, "PATCH", path, json={"role": bad})) == {"body.role"}


@pytest.mark.parametrize("bad", ["partner_owner", "assistant", "supervisor", None])
async def test_roles_that_an_org_does_not_invite_to(client, school, org, bad) -> None:
    body = {"email": "x@example.com", "role": bad}
    assert fields(await client.ask(school.admin, "POST", f"{org}/invitations", json=body)) == {"body.role"}


@pytest.mark.parametrize("bad", ["fr", "KO", "", None, 1])
async def test_languages_of_no_letter(client, school, org, partner, bad) -> None:
    for path, rest in (
        (f"{org}/invitations", {}),
        (f"{partner}/invitations", {"role": "assistant"}),
    ):
        body = {"email": "x@example.com", "locale": bad, **rest}
        assert fields(await client.ask(school.admin, "POST", path, json=body)) == {"body.locale"}


BAD_ADDRESSES = ["", "minji", "minji@", "@example.com", "a b@example.com", "x" * 250 + "@example.com", None, 1]


@pytest.mark.parametrize("bad", [*BAD_ADDRESSES, "x@example.com\r\nBcc: y@example.com", "x@exa\x00mple.com"])
async def test_addresses_that_no_letter_reaches(client, school, org, partner, bad) -> None:
    for path, rest in (
        (f"{org}/invitations", {}),
        (f"{partner}/invitations", {"role": "assistant"}),
        (f"{partner}/members", {"role": "assistant"}),
    ):
        answer = await client.ask(school.admin, "POST", path, json={"email": bad, **rest})
        assert fields(answer) == {"body.email"}


@pytest.mark.parametrize("bad", ["", "x" * 254, None, 7])
async def test_domains_that_cannot_be_any(client, supervisor, org, bad) -> None:
    assert fields(await client.ask(supervisor, "POST", f"{org}/domains", json={"domain": bad})) == {"body.domain"}


@pytest.mark.parametrize("bad", ["com", "a b.com", "http://example.com", "x@y@example.com", "'; --", "\x00.com"])
@pytest.mark.parametrize(("language", "words"), [("ko", "example.com처럼"), ("en", "like example.com")])
async def test_domains_of_no_address(client, supervisor, org, language, words, bad) -> None:
    headers = {"Accept-Language": language}
    answer = await client.ask(supervisor, "POST", f"{org}/domains", json={"domain": bad}, headers=headers)

    assert words in problem(answer, 422, "domain_unfit")["detail"]


async def test_domains_by_a_part_of_them(client, supervisor, org) -> None:
    mark = uuid4().hex[:8]
    for name in ("a", "b"):
        await client.ask(supervisor, "POST", f"{org}/domains", json={"domain": f"{name}{mark}.example.com"})

    for text, found in ((mark, ["b", "a"]), (f"A{mark}", ["a"]), ("%", []), (f"c{mark}", [])):
        page = (await client.ask(supervisor, "GET", f"{org}/domains", params={"domain": text})).json()
        assert [item["domain"] for item in page["items"]] == [f"{name}{mark}.example.com" for name in found], text


async def test_a_domain_in_a_path_in_hangul_and_in_punycode(client, supervisor, org) -> None:
    domain = f"한빛{uuid4().hex[:8]}.example.com"
    for spelling in (domain, domain.split(".", maxsplit=1)[0].encode("idna").decode() + ".example.com"):
        made = await client.ask(supervisor, "POST", f"{org}/domains", json={"domain": domain})
        assert (made.status_code, made.json()["domain"].isascii()) == (201, True)
        gone = await client.ask(supervisor, "DELETE", f"{org}/domains/{spelling}")
        assert (gone.status_code, gone.content) == (204, b"")
        again = await client.ask(supervisor, "DELETE", f"{org}/domains/{spelling}")
        problem(again, 404, "domain_not_found")


@pytest.mark.parametrize("bad", ["", "x" * 201, 7, None, ["x"]])
async def test_tokens_that_cannot_be_any(client, world, bad) -> None:
    answer = await client.ask(await world.person(), "POST", "/invitations/accept", json={"token": bad})

    assert fields(answer) == {"body.token"}


@pytest.mark.parametrize("token", ["x", "' OR 1=1 --", "\x00", "가" * 200, "../../etc/passwd"])
@pytest.mark.parametrize(("language", "words"), [("ko", "초대받은 이메일로"), ("en", "invited address")])
async def test_tokens_that_nobody_sent(client, world, token, language, words) -> None:
    headers = {"Accept-Language": language}
    answer = await client.ask(
        await world.person(), "POST", "/invitations/accept", json={"token": token}, headers=headers
    )

    assert words in problem(answer, 404, "invitation_refused")["detail"]


@pytest.mark.parametrize("bad", ["not-a-uuid", "1", "%00", "' OR 1=1"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/orgs/{}", {"name": "x"}),
        ("POST", "/orgs/{}/suspend", {"reason": "x"}),
        ("GET", "/orgs/{}/members", None),
        ("DELETE", f"/orgs/{UUID(int=7)}/members/{{}}", None),
        ("GET", "/orgs/{}/domains", None),
        ("DELETE", f"/orgs/{UUID(int=7)}/invitations/{{}}", None),
        ("GET", "/partners/{}", None),
        ("PATCH", f"/partners/{UUID(int=7)}/members/{{}}", {"role": "assistant"}),
        ("POST", f"/partners/{UUID(int=7)}/members/{{}}/move", {"partner_id": str(UUID(int=7))}),
        ("POST", f"/partners/{UUID(int=7)}/invitations/{{}}/resend", None),
    ],
)
async def test_ids_that_are_none(client, school, method, path, body, bad) -> None:
    (field,) = fields(await client.ask(school.admin, method, path.format(bad), json=body))

    assert field.startswith("path.")


@pytest.mark.parametrize(
    ("path", "field", "bad"),
    [
        ("/orgs", "status", "dead"),
        ("/orgs", "name", ""),
        ("/orgs", "name", "x" * 121),
        ("/orgs", "name", "\x00"),
        ("{org}/partners", "status", "closed"),
        ("{org}/partners", "name", "a\nb"),
        ("{org}/members", "role", "student"),
        ("{org}/members", "state", "gone"),
        ("{org}/members", "partner_id", "x"),
        ("{org}/members", "text", "\x00"),
        ("{org}/invitations", "state", "sent"),
        ("{org}/invitations", "partner_id", "1"),
        ("{org}/invitations", "text", ""),
        ("{partner}/members", "role", "org"),
        ("{partner}/invitations", "state", "x"),
        ("{org}/domains", "limit", "0"),
    ],
)
async def test_filters_that_are_none(client, school, org, partner, path, field, bad) -> None:
    path = path.format(org=org, partner=partner)

    assert fields(await client.ask(school.admin, "GET", path, params={field: bad})) == {f"query.{field}"}


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_members_and_invitations_page_by_page_each_once_newest_first(client, world, size) -> None:
    school = await world.school()
    people = [await world.person() for _ in range(4)]
    partner = f"/partners/{school.partner.partner_id}"
    for person in people:
        body = {"email": person.email, "role": "assistant"}
        assert (await client.ask(school.owner, "POST", f"{partner}/members", json=body)).status_code == 200
        body = {"email": f"new-{person.email}", "role": "assistant"}
        assert (await client.ask(school.owner, "POST", f"{partner}/invitations", json=body)).status_code == 201
    emails = [person.email for person in people][::-1]

    for path, expected in (
        (f"{partner}/members", [*emails, school.owner.email]),
        (f"{partner}/invitations", [f"new-{email}" for email in emails]),
    ):
        seen, cursor = [], None
        while True:
            params = {"limit": size} | ({"cursor": cursor} if cursor else {})
            page = (await client.ask(school.owner, "GET", path, params=params)).json()
            assert len(page["items"]) <= size
            seen += [item["email"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == expected


async def test_no_answer_about_an_invitation_holds_its_token(client, sql, school, postbox) -> None:
    email, path = f"{uuid4().hex}@example.com", f"/partners/{school.partner.partner_id}/invitations"
    made = await client.ask(school.owner, "POST", path, json={"email": email, "role": "assistant"})
    token = await postbox.token(email)
    rest = "UPDATE partner.invitations SET sent_at = now() - interval '1 hour' WHERE email = %s"
    await sql.rows(rest, email)
    again = await client.ask(school.owner, "POST", f"{path}/{made.json()['invitation_id']}/resend")
    listed = await client.ask(school.owner, "GET", path)

    for answer in (made, again, listed):
        assert answer.is_success
        assert token not in answer.text
        assert await postbox.token(email) not in answer.text
        assert "token" not in answer.text
