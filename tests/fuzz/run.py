"""`make test-fuzz`: schemathesis over the API descriptions of all five services, through the gateway.

Requests are made from the descriptions, good and bad ones; no answer may be a server error or an undocumented one, no
route may let in who is nobody, and what one org's administrator made must not be shown to the other org's. Another run
asks as a supervisor, for what administrators are refused before anything happens. Three of four ids are of things
that there are, and a run that was let in too seldom to have tried anything fails.
"""

import json
import os
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

_SECONDS_EACH = 45
# Of a run's operations, those that it was let in to at least once: below this it has tested error messages alone.
_LEAST_REACHED = 0.2
# Where supervisors have routes of their own.
_SUPERVISED = ("identity", "org-partner")
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
# What a supervisor could shut the run out with: their own sessions and account, and the platform's settings.
_SHUTS_OUT = (
    "POST /users/me/anonymise",
    "POST /users/me/deactivate",
    "POST /users/{user_id}/sign-out",
    "PUT /platform-settings/{name}",
    "DELETE /platform-settings/{name}",
)
_CONFIG = """
hooks = {hooks}
max-time = {seconds}
request-timeout = 30
continue-on-failure = true
suppress-health-check = ["all"]

[generation]
max-examples = {examples}
database = "none"
allow-x00 = true
"""
_PEERS = """
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
        peers, supervised, token, ids = _prepare(stack, root, examples)
        run = _Run(stack, ids)
        failed = [name for name in SERVICES if not run.passes(name, peers, *_as_peers())]
        failed += [
            f"{name} for supervisors"
            for name in _SUPERVISED
            if not run.passes(name, supervised, *_as_supervisor(token))
        ]
    finally:
        stack.stop()
    print("failed: " + ", ".join(failed) if failed else "5 services: no failure")
    return 1 if failed else 0


def _prepare(stack: Stack, root: Path, examples: int) -> tuple[Path, Path, str, str]:
    """Two orgs with one of everything; their administrators are the peers that must not see each other's things.

    What the runs of the peers and of the supervisor are configured with, the supervisor's token, and the ids of what
    there is, as the hooks read them.
    """
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
    peers, supervised = root / "peers.toml", root / "supervised.toml"
    hooks = json.dumps(str(Path(__file__).with_name("hooks.py")))
    text = _CONFIG.format(hooks=hooks, seconds=_SECONDS_EACH, examples=examples)
    peers.write_text(text + _PEERS.format(identities=json.dumps(str(identities))), "utf-8")
    supervised.write_text(text, "utf-8")
    ids = json.dumps({"ours": world.ours.ids, "theirs": world.theirs.ids})
    return peers, supervised, token, ids


def _as_peers() -> list[str]:
    return ["--checks", ",".join(_CHECKS)]


def _as_supervisor(token: str) -> list[str]:
    """Without the check of two peers: supervisors see every org's things."""
    checks = ",".join(check for check in _CHECKS if check != "object_level_authorization")
    names = [part for name in _SHUTS_OUT for part in ("--exclude-name", name)]
    return ["--checks", checks, "--header", f"Authorization: Bearer {token}", *names]


class _Run:
    def __init__(self, stack: Stack, ids: str) -> None:
        self._stack = stack
        self._ids = ids

    def passes(self, name: str, config: Path, *options: str) -> bool:
        print(f"== {name}, {config.stem}", flush=True)
        program = Path(sysconfig.get_path("scripts")) / "schemathesis"
        command = [str(program), "--config-file", str(config), "run", f"{self._stack.url}/services/{name}/openapi.json"]
        command += ["--url", self._stack.url, "--no-color", *options]
        command += [part for path in _LEFT_OUT for part in ("--exclude-path", path)]
        reached = config.with_name(f"{name}-{config.stem}.reached")
        settings = os.environ | {"FUZZ_IDS": self._ids, "FUZZ_REACHED": str(reached)}
        passed = subprocess.run(command, check=False, cwd=config.parent, env=settings).returncode == 0
        return _has_reached(reached) and passed


def _has_reached(file: Path) -> bool:
    """Whether enough operations answered with what was asked for, at least once."""
    calls = [line.split(" ", 1) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
    asked, let_in = {operation for _, operation in calls}, {operation for status, operation in calls if status < "3"}
    print(f"== {len(calls)} calls of {len(asked)} operations, of which {len(let_in)} let it in")
    print("   never: " + ", ".join(sorted(asked - let_in)))
    return bool(calls) and len(let_in) >= _LEAST_REACHED * len(asked)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
