"""The people of a small academy, made through the API: supervisor, org, partner, class, students."""

import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from growfit_local.client import Client
from growfit_local.errors import StackError
from growfit_local.stack import Stack


def new_password() -> str:
    return secrets.token_urlsafe(18)


def create_supervisor(stack: Stack, email: str, password: str) -> None:
    """By the operator's command, as no route makes supervisors.

    Raises:
        StackError: the command failed; its words are the message.
    """
    done = subprocess.run(
        [sys.executable, "-m", "identity.cli", "create-supervisor", email],
        env=os.environ | stack.env("identity") | {"GROWFIT_PASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackError(f"No supervisor could be made: {done.stderr.strip()[-500:]}")


@dataclass
class Academy:
    """One org with one partner and one class. `run` makes the addresses unique."""

    url: str
    supervisor: Client
    run: str
    name: str = "별무리마루 배움터"
    ids: dict[str, str] = field(default_factory=dict)
    invite_code: str = ""
    clients: list[Client] = field(default_factory=list)
    owner: Client | None = None

    def client(self) -> Client:
        made = Client(self.url)
        self.clients.append(made)
        return made

    def address(self, who: str) -> str:
        return f"{who}-{self.run}@example.com"

    def make_partner(self) -> Client:
        """Org and partner by the supervisor; the partner's owner is logged in afterwards."""
        owner = self.client()
        made = owner.sign_up(self.address("partner"), new_password(), "이강사")
        # Roles go to verified addresses alone; a supervisor may vouch for one, without any letter.
        self.supervisor.call("POST", f"/users/{made['user_id']}/verify-email")
        self._keep(self.supervisor.call("POST", "/orgs", json={"name": f"{self.name} {self.run}"}), "org_id")
        path = f"/orgs/{self.ids['org_id']}/partners"
        body = {"name": "AI 실습 파트너", "owner_email": self.address("partner")}
        self._keep(self.supervisor.settled("POST", path, json=body), "partner_id")
        return owner

    def make_class(self, owner: Client, *, students: int = 30) -> str:
        """Course, class and invite code; returns the code."""
        org, partner = self.ids["org_id"], self.ids["partner_id"]
        course = self.supervisor.call("POST", f"/orgs/{org}/courses", json={"name": "생성형 AI 기초"})
        self._keep(course, "course_id")
        body = {"course_id": self.ids["course_id"], "name": "월수 저녁반"}
        self._keep(owner.call("POST", f"/partners/{partner}/classes", json=body), "class_id")
        path = f"/classes/{self.ids['class_id']}/invite-codes"
        issued = owner.call("POST", path, json={"expires_in_hours": 72, "max_uses": students})
        self.invite_code = str(issued["code"])
        return self.invite_code

    def enrol(self, who: str = "student", display_name: str = "박학생") -> Client:
        student = self.client()
        student.sign_up(self.address(who), new_password(), display_name)
        student.call("POST", "/invite-codes/redeem", json={"code": self.invite_code})
        return student

    def close(self) -> None:
        for client in self.clients:
            client.close()

    def _keep(self, made: dict[str, Any], name: str) -> None:
        self.ids[name] = str(made[name])
