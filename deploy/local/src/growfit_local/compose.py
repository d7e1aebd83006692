"""Static checks of the compose file, for machines without Docker: `python -m growfit_local.compose`.

Each check returns what is wrong, one line each; none of them needs a container engine or the internet.
"""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from growfit_local import environment, gateway
from growfit_local.credentials import generate
from growfit_local.home import REPOSITORY, Home
from growfit_local.layout import DEFAULTS, PORTS, Layout
from growfit_local.ports import LOOPBACK

COMPOSE = REPOSITORY / "deploy" / "compose.yaml"
DOCKERFILE = REPOSITORY / "deploy" / "Dockerfile"
DOTENV = REPOSITORY / ".env.example"

# Configured by their own images' variables; the local stack starts PostgreSQL otherwise.
SERVERS = frozenset({"postgres"})
# Addresses of libpq for the one job that runs psql.
_LIBPQ = frozenset({"PGHOST", "PGUSER", "PGPASSWORD"})
# Under compose it is a person who decides to run something else than production, and files lie on a volume.
_OTHER_DEFAULT = frozenset({"APP_ENV", "STORAGE_URL"})

# Compose substitutes the variables of services that no profile asks for, too; this container checks its key itself.
_OF_A_PROFILE = frozenset({"QDRANT_API_KEY"})

_VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<text>[^}]*))?\}")
_PINNED = re.compile(r"^[\w./-]+:v?\d+\.\d+[\w.-]*$")
_OWN_IMAGE = "growfit:${GROWFIT_VERSION"


def schema(path: Path = COMPOSE) -> list[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [f"schema: {done.stdout.strip()}{done.stderr.strip()}"]


def images(compose: Mapping[str, Any], dockerfile: str) -> list[str]:
    """Every image names its exact version, so that two machines run the same."""
    own_stages = set(re.findall(r"^FROM \S+ AS (\S+)", dockerfile, re.MULTILINE))
    bases = [base for base in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) if base not in own_stages]
    used = [service["image"] for service in compose["services"].values()]
    foreign = [image for image in used if not image.startswith(_OWN_IMAGE)]
    return [f"image without an exact version: {image}" for image in {*foreign, *bases} if not _PINNED.match(image)]


def environments(compose: Mapping[str, Any]) -> list[str]:
    """The services and the names in their environments are those that the local stack passes."""
    services = compose["services"]
    problems = [f"compose lacks {name}" for name in environment.TABLE if name not in services]
    problems += [f"only compose knows {name}" for name in services if name not in {*environment.TABLE, *SERVERS}]
    for name, names in _names().items():
        there = set(services.get(name, {}).get("environment", {})) - _LIBPQ
        problems += [f"{name}: compose does not pass {missing}" for missing in sorted(names - there)]
        problems += [f"{name}: only compose passes {extra}" for extra in sorted(there - names)]
    return problems


def _names() -> dict[str, set[str]]:
    sample = Layout(Home(Path("/")), LOOPBACK, dict.fromkeys(("gateway", *PORTS), 0), generate(), dict(DEFAULTS))
    return {name: set(variables_of(sample)) for name, variables_of in environment.TABLE.items()}


def variables(text: str, dotenv: str) -> list[str]:
    """Every variable is explained in .env.example; secrets have no default, settings have the local stack's."""
    secrets = set(generate())
    listed = dict(re.findall(r"^(\w+)=(.*)$", dotenv, re.MULTILINE))
    matches = list(_VARIABLE.finditer(text))
    used = {match["name"] for match in matches}
    problems = [f"{name} is not in .env.example" for name in used if name not in listed]
    problems += [f".env.example: nobody reads {name}" for name in listed if name not in {*used, *DEFAULTS, *secrets}]
    problems += [f".env.example holds a secret: {name}" for name in secrets & set(listed) if listed[name]]
    for name, kind, text_after in {(match["name"], match["kind"], match["text"]) for match in matches}:
        if name in secrets - _OF_A_PROFILE and kind != "?":
            problems.append(f"{name}: a secret must be required")
        if name in DEFAULTS.keys() - _OTHER_DEFAULT and text_after != DEFAULTS[name]:
            problems.append(f"{name}: the local stack's default is {DEFAULTS[name]!r}, not {text_after!r}")
    return problems


def public_ports(compose: Mapping[str, Any]) -> list[str]:
    services = compose["services"].items()
    return [f"{name} publishes a port" for name, service in services if service.get("ports") and name != "traefik"]


def gateway_flags(compose: Mapping[str, Any]) -> list[str]:
    there = compose["services"]["traefik"]["command"]
    return [f"traefik lacks {flag}" for flag in gateway.FLAGS if flag not in there]


def problems(path: Path = COMPOSE) -> list[str]:
    text = path.read_text("utf-8")
    compose = yaml.safe_load(text)
    return [
        *schema(path),
        *images(compose, DOCKERFILE.read_text("utf-8")),
        *environments(compose),
        *variables(text, DOTENV.read_text("utf-8")),
        *public_ports(compose),
        *gateway_flags(compose),
    ]


if __name__ == "__main__":
    found = problems()
    print("\n".join(found) or "deploy/compose.yaml: fine")
    sys.exit(bool(found))
