"""`make test-fuzz`: schemathesis over the API descriptions of all five services, through the gateway.

Requests are made from the descriptions, good and bad ones; no answer may be a server error or an undocumented one, no
route may let in who is nobody, and what one org's administrator made must not be shown to the other org's.
"""

import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import httpx
from isolation_world.api import SERVICES
from isolation_world.people import Person
from isolation_world.world import World

from growfit_local.people import create_supervisor, new_password
from growfit_local.stack import Stack

_SECONDS_EACH = 90
_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "object_level_authorization",
)
# The first three would end the session that the run asks with; the gateway has the last one at another address.
_LEFT_OUT = ("/auth/logout", "/users/me/sessions", "/users/me/sessions/{session_id}", "/health")
_CONFIG = """
max-time = {seconds}
request-timeout = 30
continue-on-failure = true
suppress-health-check = ["all"]

[generation]
max-examples = {examples}
database = "none"
allow-x00 = true

[auth.wfc]
path = {identities}
peers = ["ours", "theirs"]
"""


def main(examples: int = 15) -> int:
    root = Path(tempfile.mkdtemp(prefix="growfit-fuzz-"))
    root.chmod(0o711)  # PostgreSQL's own user passes through where we are root
    # One machine asks for everybody here: what one address or user is allowed is not the question.
    stack = Stack(
        root / "stack", settings={"APP_ENV": "test", "RATE_LIMIT_AVERAGE": "100000", "RATE_LIMIT_BURST": "100000"}
    )
    try:
        stack.start()
        config = _prepare(stack, root, examples)
        failed = [name for name in SERVICES if not _passes(stack, name, config)]
    finally:
        stack.stop()
    print("failed: " + ", ".join(failed) if failed else "5 services: no failure")
    return 1 if failed else 0


def _prepare(stack: Stack, root: Path, examples: int) -> Path:
    """Two orgs with one of everything; their administrators are the peers that must not see each other's things."""
    email, password = "fuzz-supervisor@example.com", new_password()
    create_supervisor(stack, email, password)
    with httpx.Client(base_url=stack.url, timeout=60, trust_env=False) as http:
        token = http.post("/auth/login", json={"email": email, "password": password}).json()["access_token"]
        supervisor = Person("", email, password, token)
        for name, value in {"security.access_token_minutes": 60, "api.requests_per_minute": 1_000_000}.items():
            answer = http.put(f"/platform-settings/{name}", json={"value": value}, headers=supervisor.headers)
            assert answer.is_success, answer.text
        world = World(stack, http, supervisor)
        people = {"ours": world.ours.admin, "theirs": world.theirs.admin}
        tokens = {name: world.people.token(person.email, person.password) for name, person in people.items()}
    identities = root / "identities.json"
    headers = {name: [{"name": "Authorization", "value": f"Bearer {token}"}] for name, token in tokens.items()}
    auth = [{"name": name, "fixedHeaders": found} for name, found in headers.items()]
    identities.write_text(json.dumps({"auth": auth}), "utf-8")
    config = root / "schemathesis.toml"
    text = _CONFIG.format(seconds=_SECONDS_EACH, examples=examples, identities=json.dumps(str(identities)))
    config.write_text(text, "utf-8")
    return config


def _passes(stack: Stack, name: str, config: Path) -> bool:
    print(f"== {name}", flush=True)
    program = Path(sysconfig.get_path("scripts")) / "schemathesis"
    command = [str(program), "--config-file", str(config), "run", f"{stack.url}/services/{name}/openapi.json"]
    command += ["--url", stack.url, "--checks", ",".join(_CHECKS), "--no-color"]
    command += [part for path in _LEFT_OUT for part in ("--exclude-path", path)]
    return subprocess.run(command, check=False, cwd=config.parent).returncode == 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
