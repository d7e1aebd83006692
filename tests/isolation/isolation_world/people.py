"""Who asks. The order is that of the columns in expected.yaml."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import psycopg

from growfit_local.people import new_password
from growfit_local.stack import Stack
from identity.adapters.signer_jwt import JwtSigner
from identity.ports import Claims, KeyPair

CALLERS = (
    "no_token",  # nobody
    "expired",  # the owner, with a token whose time is over
    "student",  # of the class that is asked about
    "user",  # somebody with an account and no part in any org
    "other_partner",  # owner of a partner of another org
    "sibling",  # owner of another partner of the same org
    "org_admin",  # of the org that is asked about
    "other_admin",  # of another org
    "supervisor",
    "wrong_scope",  # the supervisor's API key, without the scope that the route needs
    "owner",  # of the partner, the document, the conversation … that is asked about
    "instructor",  # of the partner that is asked about
    "assistant",  # of the same
)


@dataclass(frozen=True)
class Person:
    user_id: str
    email: str
    password: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class People:
    """Signs people up and in, through the gateway; the supervisor vouches for their addresses, as roles need it."""

    def __init__(self, http: httpx.Client, supervisor: Person) -> None:
        self._http = http
        self._supervisor = supervisor

    def person(self, who: str) -> Person:
        email, password = f"{who}-{uuid4().hex[:8]}@example.com", new_password()
        body = {"email": email, "password": password, "display_name": f"김{who}"}
        made = self._http.post("/auth/sign-up", json=body)
        assert made.status_code == 201, made.text
        path = f"/users/{made.json()['user_id']}/verify-email"
        assert self._http.post(path, headers=self._supervisor.headers).is_success
        return Person(made.json()["user_id"], email, password, self.token(email, password))

    def token(self, email: str, password: str) -> str:
        answer = self._http.post("/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


def expired_token(stack: Stack, person: Person) -> str:
    """Signed by the stack's own key, and an hour too old: nothing else is wrong with it."""
    url = stack.layout.database_url("postgres", driver="postgresql")
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT kid, sealed, public_jwk FROM identity.signing_keys LIMIT 1").fetchone()
    assert row is not None
    settings = stack.layout
    signer = JwtSigner(
        key_encryption_key=settings.secrets["KEY_ENCRYPTION_KEY"], issuer=settings.settings["JWT_ISSUER"]
    )
    claims = Claims(user_id=UUID(person.user_id), tier="user", session_id=uuid4(), token_epoch=0)
    return signer.sign(claims, key=KeyPair(*row), lifetime=-timedelta(hours=1))


def wrong_scope_keys(http: httpx.Client, supervisor: Person) -> dict[str, str]:
    """Two keys, so that for every route there is one that lacks what it needs."""
    found: dict[str, str] = {}
    for scope in ("usage:read", "search:read"):
        body = {"name": f"only {scope}", "scopes": [scope], "expires_in_days": 1}
        made = http.post("/users/me/api-keys", json=body, headers=supervisor.headers)
        assert made.status_code == 201, made.text
        found[scope] = str(made.json()["api_key"])
    return found
