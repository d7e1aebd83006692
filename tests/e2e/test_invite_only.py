"""Where only the invited may sign up, the letters of orgs and classes are invitations too."""

import re
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from growfit_local.client import ApiError, Client
from growfit_local.people import Academy, new_password
from growfit_local.stack import Stack

SETTING = "/platform-settings/security.sign_up_mode"
# A letter is fetched from its queue about every second, and a setting known everywhere within ten.
PATIENCE = 30.0


@pytest.fixture(scope="module")
def academy(make_academy: Any) -> Academy:
    made: Academy = make_academy()
    return made


@pytest.fixture
def invite_only(supervisor: Client, academy: Academy) -> Iterator[None]:
    supervisor.call("PUT", SETTING, json={"value": "invite_only"})
    until = time.monotonic() + PATIENCE
    while refusal(academy, academy.address(f"nobody-{time.monotonic_ns()}")) != "invitation_needed":
        assert time.monotonic() < until
    yield
    supervisor.call("DELETE", SETTING)
    until = time.monotonic() + PATIENCE
    while refusal(academy, academy.address(f"nobody-{time.monotonic_ns()}")) == "invitation_needed":
        assert time.monotonic() < until


def sign_up(academy: Academy, email: str, **more: str) -> Any:
    body = {"email": email, "password": new_password(), "display_name": "초대받은 사람", **more}
    return academy.client().call("POST", "/auth/sign-up", json=body) | {"password": body["password"]}


def refusal(academy: Academy, email: str, **more: str) -> str:
    try:
        sign_up(academy, email, **more)
    except ApiError as error:
        return error.code
    return ""


def letter(stack: Stack, to: str) -> str:
    """The text of the latest letter to an address."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for path in sorted(Path(stack.home.mail).glob("*.eml"), reverse=True):
            message = message_from_bytes(path.read_bytes(), policy=policy.default)
            if message["to"] == to:
                return str(message.get_content())
        time.sleep(0.2)
    raise AssertionError(f"no letter came to {to}")


def settled(academy: Academy, email: str, secret: str) -> Any:
    """Signed up by a letter's token; its news may be on its way to identity."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return sign_up(academy, email, invitation_token=secret)
        except ApiError as error:
            if error.code != "invitation_invalid" or time.monotonic() > until:
                raise
        time.sleep(0.2)


@pytest.mark.usefixtures("invite_only")
def test_a_colleague_signs_up_with_the_letter_of_the_org_and_takes_the_role(stack, academy, supervisor) -> None:
    email, org_id = academy.address("colleague"), academy.ids["org_id"]
    body = {"email": email, "locale": "ko"}
    supervisor.call("POST", f"/orgs/{org_id}/invitations", json=body)
    found = re.search(r"#token=(\S+)", letter(stack, email))
    assert found is not None

    assert refusal(academy, academy.address("stranger"), invitation_token=found[1]) == "invitation_invalid"
    made = settled(academy, email, found[1])
    assert made["email_verified"] is True

    client = academy.client()
    client.log_in(email, made["password"])
    accepted = client.settled("POST", "/invitations/accept", json={"token": found[1]})
    assert (accepted["org_id"], accepted["role"]) == (org_id, "org_admin")


@pytest.mark.usefixtures("invite_only")
def test_a_student_signs_up_and_enrols_with_the_code_of_a_roster_s_letter(stack, academy, supervisor) -> None:
    email, class_id = academy.address("new-student"), academy.ids["class_id"]
    done = supervisor.call(
        "POST",
        f"/classes/{class_id}/students/import",
        params={"invite_unknown": True},
        content=f"이메일,이름\n{email},새학생\n".encode(),
        headers={"Content-Type": "text/csv"},
    )
    assert [row["outcome"] for row in done["rows"]] == ["invited"]
    found = re.search(r"#code=(\S+)", letter(stack, email))
    assert found is not None

    made = settled(academy, email, found[1].lower())
    client = academy.client()
    client.log_in(email, made["password"])
    enrolled = client.settled("POST", "/invite-codes/redeem", json={"code": found[1]})
    assert enrolled["class_id"] == class_id
