"""How each operation is asked for, so that nothing but permission decides: a right body, and a target that is there.

An operation that is not here is asked for with its path alone. `fresh` makes a target of its own for a caller who will
succeed, where success takes the target away or changes it for those who come after.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from isolation_world.world import World

Ids = Mapping[str, str]
WRONG_PASSWORD = {"password": "not-the-right-one-at-all"}
_NOTHING = "no-such-token-was-ever-made-here-0000000000"


@dataclass(frozen=True)
class Request:
    """`options`: of the HTTP client, made from the target's ids. `fresh`: ids that take the place of the target's.

    `new_login`: each caller asks with a session made for this request alone.
    """

    options: Callable[[World, Ids], dict[str, Any]] = field(default=lambda _world, _ids: {})
    fresh: Callable[[World], dict[str, str]] | None = None
    new_login: bool = False


def sending(**body: Any) -> Callable[[World, Ids], dict[str, Any]]:
    return lambda _world, _ids: {"json": body}


def made(body: Callable[[World, Ids], dict[str, Any]]) -> Callable[[World, Ids], dict[str, Any]]:
    return lambda world, ids: {"json": body(world, ids)}


def somebody() -> str:
    return f"{uuid4().hex[:12]}@example.com"


def ids_for(path: str, ids: Ids) -> dict[str, str]:
    """The target's ids by the names of the path's parameters; several things are called an invitation."""
    area = path.split("/")[1]
    invitation = {"orgs": "org_invitation_id", "partners": "partner_invitation_id"}.get(area)
    named = {
        "name": "api.requests_per_minute",
        "provider": "none",
        "token": _NOTHING,
        # There is none: the platform's are made by supervisors, who would move this run's index.
        "migration_id": str(uuid4()),
        "check_id": str(uuid4()),
        "invitation_id": ids.get(invitation or "user_invitation_id", str(uuid4())),
    }
    wanted = re.findall(r"{(\w+)}", path)
    return {name: {**named, **ids}[name] for name in wanted}


def _session(world: World) -> dict[str, str]:
    owner = world.ours.owner
    payload = world.people.token(owner.email, owner.password).split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return {"session_id": claims["sid"]}


def _api_key(world: World) -> dict[str, str]:
    # Two of a name may live at once, and twenty in all.
    for key in world.ask(world.ours.owner, "GET", "/users/me/api-keys", params={"state": "active"})["items"]:
        if key["name"].startswith("fresh"):
            world.ask(world.ours.owner, "DELETE", f"/users/me/api-keys/{key['api_key_id']}")
    body = {"name": f"fresh {uuid4().hex[:6]}", "scopes": ["documents:read"], "expires_in_days": 1}
    return {"api_key_id": world.ask(world.ours.owner, "POST", "/users/me/api-keys", json=body)["api_key_id"]}


def _user(world: World) -> dict[str, str]:
    person = world.people.person("fresh")
    return {"user_id": person.user_id, "user_email": person.email}


def _anonymised(world: World) -> dict[str, str]:
    user = _user(world)
    world.ask(world.supervisor, "POST", f"/users/{user['user_id']}/anonymise", json={"confirm": user["user_email"]})
    return user


def _user_invitation(world: World) -> dict[str, str]:
    body = {"email": somebody()}
    made = world.ask(world.supervisor, "POST", "/users/invitations", json=body)
    return {"user_invitation_id": made["invitation_id"]}


def _org(world: World) -> dict[str, str]:
    return {"org_id": world.ask(world.supervisor, "POST", "/orgs", json={"name": "새 학원"})["org_id"]}


def _partner(world: World) -> dict[str, str]:
    body = {"name": "새 강사", "owner_email": world.ours.owner.email}
    return {"partner_id": world.ask(world.ours.admin, "POST", f"/orgs/{_our(world)}/partners", json=body)["partner_id"]}


def _our(world: World) -> str:
    return world.ours.ids["org_id"]


def _course(world: World) -> dict[str, str]:
    made = world.ask(world.ours.admin, "POST", f"/orgs/{_our(world)}/courses", json={"name": "새 과정"})
    return {"course_id": made["course_id"]}


def _class(status: str, *, closed: bool = False) -> Callable[[World], dict[str, str]]:
    def make(world: World) -> dict[str, str]:
        ids = world.ours.ids
        body = {"course_id": ids["course_id"], "name": "새 강의", "status": status}
        made = world.ask(world.ours.owner, "POST", f"/partners/{ids['partner_id']}/classes", json=body)
        if closed:
            world.ask(world.ours.owner, "POST", f"/classes/{made['class_id']}/close")
        return {"class_id": made["class_id"]}

    return make


def _invite_code(world: World) -> dict[str, str]:
    path = f"/classes/{world.ours.ids['class_id']}/invite-codes"
    made = world.ask(world.ours.owner, "POST", path, json={"expires_in_hours": 1, "max_uses": 1})
    return {"invite_code_id": made["invite_code_id"]}


def _enrollment(world: World) -> dict[str, str]:
    return {"enrollment_id": world.student_of(world.ours.code)[1]}


def _own_enrollment(world: World) -> dict[str, str]:
    """Of the student who asks, in a class that they may leave."""
    class_id = _class("open")(world)["class_id"]
    body = {"expires_in_hours": 1, "max_uses": 1}
    code = world.ask(world.ours.owner, "POST", f"/classes/{class_id}/invite-codes", json=body)["code"]
    return world.ask(world.ours.student, "POST", "/invite-codes/redeem", json={"code": code})


def _paused(world: World) -> dict[str, str]:
    found = _enrollment(world)
    world.ask(world.ours.owner, "POST", f"/enrollments/{found['enrollment_id']}/pause")
    return found


def _member(world: World) -> dict[str, str]:
    body = {"email": world.people.person("fresh").email, "role": "instructor"}
    made = world.ask(world.ours.owner, "POST", f"/partners/{world.ours.ids['partner_id']}/members", json=body)
    return {"membership_id": made["membership_id"]}


def _invitation(level: str) -> Callable[[World], dict[str, str]]:
    def make(world: World) -> dict[str, str]:
        ids, body = world.ours.ids, {"email": somebody()}
        if level == "partner":
            path = f"/partners/{ids['partner_id']}/invitations"
            made = world.ask(world.ours.owner, "POST", path, json=body | {"role": "assistant"})
        else:
            made = world.ask(world.ours.admin, "POST", f"/orgs/{ids['org_id']}/invitations", json=body)
        world.let_rest(made["invitation_id"])
        return {f"{level}_invitation_id": made["invitation_id"]}

    return make


def _domain(world: World) -> dict[str, str]:
    domain = f"{uuid4().hex[:8]}.example.com"
    world.ask(world.supervisor, "POST", f"/orgs/{_our(world)}/domains", json={"domain": domain})
    return {"domain": domain}


def _policy(world: World) -> dict[str, str]:
    return {"policy_id": world.policy(world.ours.admin, _our(world))}


def _material(world: World) -> dict[str, str]:
    ids = world.ours.ids
    path, body = f"/classes/{ids['class_id']}/materials", {"document_id": ids["document_id"]}
    world.ask(world.ours.owner, "POST", path, json=body)
    return {}


def _document(world: World) -> dict[str, str]:
    return {"document_id": world.document(world.ours.owner)}


def _conversation(world: World) -> dict[str, str]:
    made = world.ask(world.ours.owner, "POST", "/conversations", json={"title": "새 대화"})
    return {"conversation_id": made["conversation_id"]}


def _project(world: World) -> dict[str, str]:
    made = world.ask(world.ours.owner, "POST", "/projects", json={"name": "새 프로젝트"})
    return {"project_id": made["project_id"]}


def _agent(world: World) -> dict[str, str]:
    return {"agent_id": world.ask(world.ours.owner, "POST", "/agents", json={"name": "새 에이전트"})["agent_id"]}


def _llm_settings(level: str) -> Callable[[World], dict[str, str]]:
    def make(world: World) -> dict[str, str]:
        path = f"/{level}s/{world.ours.ids[level + '_id']}/llm-settings"
        world.ask(world.ours.admin, "PUT", path, json={"allowed_models": ["growfit-extractive"]})
        return {}

    return make


def _upload(_world: World, _ids: Ids) -> dict[str, Any]:
    return {"files": {"file": ("메모.txt", f"환불은 첫 수업 전까지 됩니다. {uuid4().hex}".encode(), "text/plain")}}


def _several(_world: World, _ids: Ids) -> dict[str, Any]:
    files = [("file", (f"{number}.txt", f"환불 규정 {number}. {uuid4().hex}".encode())) for number in range(2)]
    return {"files": files}


def _next_bytes(_world: World, _ids: Ids) -> dict[str, Any]:
    return {"headers": {"Upload-Offset": "0"}, "content": b"the first of them"}


def _begun(world: World) -> dict[str, str]:
    return {"upload_id": world.upload(world.ours.owner)}


def _policy_body(_world: World, _ids: Ids) -> dict[str, Any]:
    day = f"21{uuid4().int % 90 + 10}-01-01"
    return {"kind": "fixed_fee", "fixed_fee": 300_000, "currency": "KRW", "effective_from": day}


def _roster(_world: World, _ids: Ids) -> dict[str, Any]:
    return {
        "content": f"email,name\n{somebody()},김학생\n".encode(),
        "headers": {"Content-Type": "text/csv"},
        "params": {"dry_run": "true"},
    }


_MODELS = sending(allowed_models=["growfit-extractive"])

REQUESTS: Mapping[str, Request] = {
    # ---- identity: doors without a login
    "POST /auth/api-keys/token": Request(sending(api_key=f"gfk_{'0' * 32}_{'A' * 43}_00000000")),
    "POST /auth/login": Request(made(lambda _world, _ids: {"email": somebody(), **WRONG_PASSWORD})),
    "POST /auth/login/mfa": Request(sending(mfa_token=_NOTHING, code="123456")),
    "POST /auth/logout": Request(new_login=True),
    "GET /auth/oidc/{provider}/callback": Request(lambda _world, _ids: {"params": {"state": "x" * 40, "code": "x"}}),
    "POST /auth/oidc/{provider}/start": Request(sending()),
    "POST /auth/oidc/{provider}/complete": Request(sending(state="x" * 40, code="x", login_token="x" * 40)),
    "POST /auth/password-reset": Request(made(lambda _world, _ids: {"email": somebody()})),
    "POST /auth/password-reset/confirm": Request(sending(token=_NOTHING, password="a-new-long-passphrase")),
    "POST /auth/refresh": Request(sending(refresh_token=_NOTHING)),
    "POST /auth/sign-up": Request(
        made(lambda _world, _ids: {"email": somebody(), "password": "a-new-long-passphrase", "display_name": "김새로"})
    ),
    "POST /auth/verify-email": Request(sending(token=_NOTHING)),
    "POST /auth/verify-email/resend": Request(made(lambda _world, _ids: {"email": somebody()})),
    # ---- identity: one's own account
    "PATCH /users/me": Request(sending(locale="ko")),
    "POST /users/me/anonymise": Request(sending(confirm="anonymise", **WRONG_PASSWORD)),
    "POST /users/me/deactivate": Request(sending(**WRONG_PASSWORD)),
    "POST /users/me/email": Request(made(lambda _world, _ids: {"email": somebody(), **WRONG_PASSWORD})),
    "POST /users/me/password": Request(sending(current=WRONG_PASSWORD["password"], new="a-new-long-passphrase")),
    "POST /users/me/api-keys": Request(
        made(
            lambda _world, _ids: {
                "name": f"fresh {uuid4().hex[:6]}",
                "scopes": ["search:read"],
                "expires_in_days": 1,
            }
        )
    ),
    "DELETE /users/me/api-keys/{api_key_id}": Request(fresh=_api_key),
    "POST /users/me/api-keys/{api_key_id}/rotate": Request(sending(keep_hours=0), fresh=_api_key),
    "POST /users/me/mfa/recovery-codes": Request(sending(code="123456")),
    "POST /users/me/mfa/totp": Request(sending(**WRONG_PASSWORD)),
    "DELETE /users/me/mfa/totp": Request(sending(code="123456")),
    "POST /users/me/mfa/totp/confirm": Request(sending(code="123456")),
    "DELETE /users/me/sessions/{session_id}": Request(fresh=_session),
    "DELETE /users/me/identities/{identity_id}": Request(
        fresh=lambda world: {"identity_id": world.identity(world.ours.owner)}
    ),
    # ---- identity: supervision
    "POST /users/invitations": Request(made(lambda _world, _ids: {"email": somebody()})),
    "DELETE /users/invitations/{invitation_id}": Request(fresh=_user_invitation),
    "POST /users/{user_id}/anonymise": Request(made(lambda _world, ids: {"confirm": ids["user_email"]}), fresh=_user),
    "GET /users/{user_id}/erasure": Request(fresh=_anonymised),
    "POST /users/{user_id}/reset-mfa": Request(fresh=_user),
    "POST /users/{user_id}/restore": Request(fresh=_user),
    "POST /users/{user_id}/sign-out": Request(fresh=_user),
    "POST /users/{user_id}/suspend": Request(sending(reason="규정 위반"), fresh=_user),
    "POST /users/{user_id}/verify-email": Request(fresh=_user),
    "PUT /platform-settings/{name}": Request(sending(value=3_000)),
    # ---- org-partner: orgs
    "POST /orgs": Request(sending(name="새 학원")),
    "PATCH /orgs/{org_id}": Request(sending(name="우리 학원")),
    "POST /orgs/{org_id}/admins": Request(made(lambda world, _ids: {"email": world.ours.admin.email})),
    "POST /orgs/{org_id}/suspend": Request(sending(reason="미납"), fresh=_org),
    "POST /orgs/{org_id}/restore": Request(fresh=_org),
    "POST /orgs/{org_id}/close": Request(sending(reason="폐업"), fresh=_org),
    "POST /orgs/{org_id}/courses": Request(sending(name="새 과정")),
    "PATCH /orgs/{org_id}/courses/{course_id}": Request(sending(description="기초부터")),
    "DELETE /orgs/{org_id}/courses/{course_id}": Request(fresh=_course),
    "POST /orgs/{org_id}/domains": Request(made(lambda _world, _ids: {"domain": f"{uuid4().hex[:8]}.example.com"})),
    "DELETE /orgs/{org_id}/domains/{domain}": Request(fresh=_domain),
    "POST /orgs/{org_id}/invitations": Request(made(lambda _world, _ids: {"email": somebody()})),
    "DELETE /orgs/{org_id}/invitations/{invitation_id}": Request(fresh=_invitation("org")),
    "POST /orgs/{org_id}/invitations/{invitation_id}/resend": Request(fresh=_invitation("org")),
    "PUT /orgs/{org_id}/llm-settings": Request(_MODELS),
    "DELETE /orgs/{org_id}/llm-settings": Request(fresh=_llm_settings("org")),
    "DELETE /orgs/{org_id}/members/{membership_id}": Request(fresh=_member),
    "POST /orgs/{org_id}/partners": Request(
        made(lambda world, _ids: {"name": "새 강사", "owner_email": world.ours.owner.email})
    ),
    "POST /orgs/{org_id}/settlement-policies": Request(made(_policy_body)),
    "POST /orgs/{org_id}/settlement-policies/preview": Request(
        made(lambda _world, ids: {"policy_id": ids["policy_id"], "revenue_amount": 1_000_000})
    ),
    "POST /orgs/{org_id}/settlement-policies/{policy_id}/withdraw": Request(fresh=_policy),
    # ---- org-partner: partners
    "PATCH /partners/{partner_id}": Request(sending(name="우리 강사")),
    "POST /partners/{partner_id}/suspend": Request(sending(reason="휴직"), fresh=_partner),
    "POST /partners/{partner_id}/restore": Request(fresh=_partner),
    "POST /partners/{partner_id}/move": Request(
        made(lambda world, _ids: {"org_id": world.theirs.ids["org_id"]}), fresh=_partner
    ),
    "POST /partners/{partner_id}/classes": Request(
        made(lambda _world, ids: {"course_id": ids["course_id"], "name": "새 강의", "status": "draft"})
    ),
    "POST /partners/{partner_id}/invitations": Request(
        made(lambda _world, _ids: {"email": somebody(), "role": "assistant"})
    ),
    "DELETE /partners/{partner_id}/invitations/{invitation_id}": Request(fresh=_invitation("partner")),
    "POST /partners/{partner_id}/invitations/{invitation_id}/resend": Request(fresh=_invitation("partner")),
    "PUT /partners/{partner_id}/llm-settings": Request(_MODELS),
    "DELETE /partners/{partner_id}/llm-settings": Request(fresh=_llm_settings("partner")),
    "POST /partners/{partner_id}/members": Request(
        # Again: whoever has just signed up may not be known yet.
        made(lambda world, _ids: {"email": world.ours.assistant.email, "role": "assistant"})
    ),
    "PATCH /partners/{partner_id}/members/{membership_id}": Request(sending(role="instructor")),
    "DELETE /partners/{partner_id}/members/{membership_id}": Request(fresh=_member),
    "POST /partners/{partner_id}/members/{membership_id}/move": Request(
        made(lambda _world, ids: {"partner_id": ids["sibling_id"]}), fresh=_member
    ),
    # ---- org-partner: classes
    "PATCH /classes/{class_id}": Request(sending(name="월수 저녁반")),
    "POST /classes/{class_id}/open": Request(fresh=_class("draft")),
    "POST /classes/{class_id}/close": Request(fresh=_class("open")),
    "POST /classes/{class_id}/reopen": Request(sending(), fresh=_class("open", closed=True)),
    "POST /classes/{class_id}/invite-codes": Request(sending(expires_in_hours=1, max_uses=1)),
    "DELETE /classes/{class_id}/invite-codes/{invite_code_id}": Request(fresh=_invite_code),
    "PUT /classes/{class_id}/materials": Request(made(lambda _world, ids: {"document_ids": [ids["document_id"]]})),
    "POST /classes/{class_id}/materials": Request(made(lambda _world, ids: {"document_id": ids["document_id"]})),
    "DELETE /classes/{class_id}/materials/{document_id}": Request(fresh=_material),
    "POST /classes/{class_id}/students/import": Request(_roster),
    "POST /enrollments/{enrollment_id}/leave": Request(fresh=_own_enrollment),
    "POST /enrollments/{enrollment_id}/pause": Request(fresh=_enrollment),
    "POST /enrollments/{enrollment_id}/resume": Request(fresh=_paused),
    "POST /enrollments/{enrollment_id}/end": Request(fresh=_enrollment),
    "POST /enrollments/{enrollment_id}/transfer": Request(
        made(lambda world, _ids: _class("open")(world)), fresh=_enrollment
    ),
    "POST /invitations/accept": Request(sending(token=_NOTHING)),
    "POST /invite-codes/redeem": Request(sending(code="0000-0000-0000-0000")),
    # ---- ingest, rag
    "POST /documents": Request(_upload),
    "DELETE /documents/{document_id}": Request(fresh=_document),
    "POST /documents/{document_id}/reprocess": Request(fresh=_document),
    "PUT /documents/{document_id}/content": Request(_upload, fresh=_document),
    "POST /documents/bulk": Request(_several),
    "POST /documents/bulk-delete": Request(made(lambda _world, _ids: {"document_ids": [str(uuid4())]})),
    "POST /documents/{document_id}/links": Request(sending()),
    "POST /uploads": Request(sending(file_name="메모.txt", size_bytes=100)),
    "PATCH /uploads/{upload_id}": Request(_next_bytes, fresh=_begun),
    "DELETE /uploads/{upload_id}": Request(fresh=_begun),
    "POST /vectors/migrations": Request(sending(target="nowhere:no-model:8")),
    "PATCH /vectors/migrations/{migration_id}": Request(sending(rate=10)),
    "POST /vectors/migrations/{migration_id}/shadow": Request(sending(share=1)),
    "POST /vectors/migrations/{migration_id}/switch": Request(sending(everybody=True)),
    "POST /vectors/migrations/{migration_id}/finalise": Request(sending()),
    "POST /projects": Request(sending(name="새 프로젝트")),
    "PATCH /projects/{project_id}": Request(sending(name="교재")),
    "DELETE /projects/{project_id}": Request(fresh=_project),
    "POST /agents": Request(sending(name="새 에이전트")),
    "PATCH /agents/{agent_id}": Request(sending(name="과제 도우미")),
    "DELETE /agents/{agent_id}": Request(fresh=_agent),
    "POST /conversations": Request(sending(title="새 대화")),
    "DELETE /conversations/{conversation_id}": Request(fresh=_conversation),
    "POST /conversations/{conversation_id}/messages": Request(sending(text="초대 코드는 몇 시간 동안 쓸 수 있나요?")),
    "POST /search": Request(sending(query="환불은 언제까지 되나요?")),
}


def of(operation: str) -> Request:
    return REQUESTS.get(operation, Request())
