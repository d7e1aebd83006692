"""Two orgs that have one of everything, made through the gateway: `ours` is asked about, `theirs` is the other one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from growfit_local.stack import Stack
from isolation_world.people import CALLERS, People, Person, expired_token, wrong_scope_keys

_SETTLING_SECONDS = 20.0
NOTE = "수업 자료: 초대 코드는 발급한 때부터 72시간 동안 쓸 수 있습니다. 수강료는 첫 수업 전까지 환불합니다.\n"


@dataclass
class Org:
    """`ids`: by the name of the path parameter, or of the body's or query's field."""

    ids: dict[str, str]
    admin: Person
    owner: Person
    instructor: Person
    assistant: Person
    sibling: Person
    student: Person
    code: str
    spare: dict[str, str] = field(default_factory=dict)


class World:
    def __init__(self, stack: Stack, http: httpx.Client, supervisor: Person) -> None:
        self._http = http
        self._url = stack.layout.database_url("postgres", driver="postgresql")
        self.people = People(http, supervisor)
        self.supervisor = supervisor
        self.user = self.people.person("user")
        self.ours, self.theirs = self._org("ours"), self._org("theirs")
        self.expired = expired_token(stack, self.ours.owner)
        self.keys = wrong_scope_keys(http, supervisor)
        self._holders: dict[str, Person] = {
            "student": self.ours.student,
            "user": self.user,
            "other_partner": self.theirs.owner,
            "sibling": self.ours.sibling,
            "org_admin": self.ours.admin,
            "other_admin": self.theirs.admin,
            "supervisor": self.supervisor,
            "owner": self.ours.owner,
            "instructor": self.ours.instructor,
            "assistant": self.ours.assistant,
        }
        assert set(self._holders) | {"no_token", "expired", "wrong_scope"} == set(CALLERS)

    def headers(self, caller: str, path: str) -> dict[str, str]:
        """How this caller introduces themselves at this path."""
        match caller:
            case "no_token":
                return {}
            case "expired":
                return {"Authorization": f"Bearer {self.expired}"}
            case "wrong_scope":
                scope = "search:read" if path.startswith("/usage") else "usage:read"
                return {"Authorization": f"Bearer {self.keys[scope]}"}
        return self._holders[caller].headers

    def new_login(self, caller: str) -> dict[str, str]:
        """The same in a session of its own, for those who have a password."""
        person = self._holders[caller]
        return {"Authorization": f"Bearer {self.people.token(person.email, person.password)}"}

    def ask(self, person: Person, method: str, path: str, **options: Any) -> Any:
        """What must succeed; repeated while what was just made is not known everywhere."""
        until = time.monotonic() + _SETTLING_SECONDS
        while True:
            answer = self._http.request(method, path, headers=person.headers, **options)
            settles = answer.status_code == 404 or "user_unverified" in answer.text
            if not settles or time.monotonic() > until:
                break
            time.sleep(0.1)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None

    def text(self, person: Person, path: str, params: dict[str, str]) -> str:
        answer = self._http.get(path, headers=person.headers, params=params)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.text

    def until(self, look: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + _SETTLING_SECONDS
        while not (found := look()):
            assert time.monotonic() < deadline, "it does not come"
            time.sleep(0.1)
        return found

    def document(self, owner: Person, class_id: str | None = None) -> str:
        """A document that is ready; of its own content, because the same file twice is refused."""
        params = {"class_id": class_id, "visibility": "class"} if class_id else {}
        files = {"file": ("자료.txt", (NOTE + uuid4().hex).encode(), "text/plain")}
        document_id = self.ask(owner, "POST", "/documents", params=params, files=files)["document_id"]
        self.until(lambda: self.ask(owner, "GET", f"/documents/{document_id}")["state"] == "ready")
        return str(document_id)

    def upload(self, owner: Person) -> str:
        """One that nothing was sent of yet."""
        body = {"file_name": "자료.txt", "size_bytes": 100}
        return str(self.ask(owner, "POST", "/uploads", json=body)["upload_id"])

    def student_of(self, code: str) -> tuple[Person, str]:
        student = self.people.person("student")
        enrolled = self.ask(student, "POST", "/invite-codes/redeem", json={"code": code})
        return student, str(enrolled["enrollment_id"])

    def _org(self, name: str) -> Org:
        made: dict[str, str] = {}
        made["org_id"] = self.ask(self.supervisor, "POST", "/orgs", json={"name": f"{name} 학원"})["org_id"]
        org = f"/orgs/{made['org_id']}"
        admin, owner, sibling = (self.people.person(who) for who in ("admin", "owner", "sibling"))
        instructor, assistant = self.people.person("instructor"), self.people.person("assistant")
        self.ask(self.supervisor, "POST", f"{org}/admins", json={"email": admin.email})
        for person, key in ((owner, "partner_id"), (sibling, "sibling_id")):
            body = {"name": f"{name} 강사", "owner_email": person.email}
            made[key] = self.ask(admin, "POST", f"{org}/partners", json=body)["partner_id"]
        partner = f"/partners/{made['partner_id']}"
        made["course_id"] = self.ask(admin, "POST", f"{org}/courses", json={"name": "생성형 AI 기초"})["course_id"]
        body = {"course_id": made["course_id"], "name": "월수 저녁반"}
        made["class_id"] = self.ask(owner, "POST", f"{partner}/classes", json=body)["class_id"]
        class_ = f"/classes/{made['class_id']}"
        issued = self.ask(owner, "POST", f"{class_}/invite-codes", json={"expires_in_hours": 24, "max_uses": 1000})
        made["invite_code_id"] = issued["invite_code_id"]
        student, made["enrollment_id"] = self.student_of(issued["code"])
        for person, role in ((instructor, "instructor"), (assistant, "assistant")):
            self.ask(owner, "POST", f"{partner}/members", json={"email": person.email, "role": role})
        self._staff(made, admin=admin, owner=owner)
        self._own(made, owner)
        return Org(made, admin, owner, instructor, assistant, sibling, student, issued["code"])

    def _staff(self, made: dict[str, str], *, admin: Person, owner: Person) -> None:
        org, partner = f"/orgs/{made['org_id']}", f"/partners/{made['partner_id']}"
        body = {"email": self.people.person("spare").email, "role": "instructor"}
        made["membership_id"] = self.ask(owner, "POST", f"{partner}/members", json=body)["membership_id"]
        invited = {"email": f"{uuid4().hex[:8]}@example.com", "role": "instructor"}
        made["partner_invitation_id"] = self.ask(owner, "POST", f"{partner}/invitations", json=invited)["invitation_id"]
        invited = {"email": f"{uuid4().hex[:8]}@example.com"}
        made["org_invitation_id"] = self.ask(admin, "POST", f"{org}/invitations", json=invited)["invitation_id"]
        made["domain"] = f"{uuid4().hex[:8]}.example.com"
        self.ask(self.supervisor, "POST", f"{org}/domains", json={"domain": made["domain"]})
        self._let_hold(self.policy(admin, made["org_id"]))
        made["policy_id"] = self.policy(admin, made["org_id"])

    def _let_hold(self, policy_id: str) -> None:
        """A policy is made for days to come; only time would make one hold today."""
        times = "adopted_at = now() - interval '2 days', effective_from = now() - interval '1 day'"
        with psycopg.connect(self._url, autocommit=True) as connection:
            sql = f"UPDATE partner.settlement_policies SET {times} WHERE policy_id = %s"
            assert connection.execute(sql.encode(), [policy_id]).rowcount == 1

    def let_rest(self, invitation_id: str) -> None:
        """A letter is sent again after a pause; only time would let that pass."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            sql = "UPDATE partner.invitations SET sent_at = now() - interval '1 hour' WHERE invitation_id = %s"
            assert connection.execute(sql, [invitation_id]).rowcount == 1

    def policy(self, admin: Person, org_id: str) -> str:
        body = {
            "kind": "share",
            "share_bps": 6_000,
            "currency": "KRW",
            "effective_from": f"20{40 + uuid4().int % 50}-01-01",
        }
        made = self._http.post(f"/orgs/{org_id}/settlement-policies", json=body, headers=admin.headers)
        # Two of one day are refused; there are fifty days to choose from.
        return str(made.json()["policy_id"]) if made.status_code == 201 else self.policy(admin, org_id)

    def _own(self, made: dict[str, str], owner: Person) -> None:
        spare = self.people.person("spare")
        made["user_id"], made["user_email"] = spare.user_id, spare.email
        made["document_id"] = self.document(owner, made["class_id"])
        made["project_id"] = self.ask(owner, "POST", "/projects", json={"name": "교재"})["project_id"]
        body = {"name": "과제 도우미", "class_id": made["class_id"]}
        made["agent_id"] = self.ask(owner, "POST", "/agents", json=body)["agent_id"]
        for shelf in (f"projects/{made['project_id']}", f"agents/{made['agent_id']}"):
            self.ask(owner, "PUT", f"/documents/{made['document_id']}/{shelf}")
        made["upload_id"] = self.upload(owner)
        body = {"title": "질문", "class_id": made["class_id"], "document_ids": [made["document_id"]]}
        made["conversation_id"] = self.ask(owner, "POST", "/conversations", json=body)["conversation_id"]
        self.people.token(owner.email, owner.password)
        sessions = self.ask(owner, "GET", "/users/me/sessions")["items"]
        made["session_id"] = next(each["session_id"] for each in sessions if not each["is_current"])
        key = {"name": "배치", "scopes": ["documents:read"], "expires_in_days": 1}
        made["api_key_id"] = self.ask(owner, "POST", "/users/me/api-keys", json=key)["api_key_id"]
        made["identity_id"] = self.identity(owner)

    def identity(self, owner: Person) -> str:
        """A linked login; a provider would be needed to make one through the gateway."""
        identity_id = str(uuid4())
        with psycopg.connect(self._url, autocommit=True) as connection:
            columns = "identity_id, user_id, provider, issuer, subject, email"
            sql = f"INSERT INTO identity.linked_identities ({columns}) VALUES (%s, %s, 'school', 'https://s', %s, %s)"
            connection.execute(sql.encode(), [identity_id, owner.user_id, identity_id, owner.email])
        return identity_id
