"""The processes of the stack, as one table."""

import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from growfit_local import environment, gateway, postgres
from growfit_local.environment import Environment
from growfit_local.errors import StackError
from growfit_local.home import REPOSITORY
from growfit_local.layout import Layout
from growfit_local.ports import LOOPBACK

# Groups start in this order and stop in the reverse one; the processes of a group go together.
GROUPS = ("servers", "platform", "services", "gateway")


@dataclass(frozen=True, kw_only=True)
class Process:
    name: str
    group: str
    port: str
    command: Callable[[Layout], list[str]]
    environment: Callable[[Layout], Environment]
    ready: str = "/ready"
    wanted: Callable[[Layout], bool] = lambda _: True
    stop_signal: str = "TERM"
    stop_seconds: int = 20


def _script(name: str) -> str:
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        raise StackError(f"{path} is missing. Install the stack: make setup")
    return str(path)


def _nats(layout: Layout) -> list[str]:  # noqa: ARG001 - the table calls every process alike
    return [_script("nats-server"), "-c", str(REPOSITORY / "deploy" / "nats" / "nats.conf")]


def _traefik(layout: Layout) -> list[str]:
    return [_script("traefik"), *gateway.flags(layout)]


def _traefik_environment(layout: Layout) -> Environment:
    return environment.traefik(layout) | gateway.MEMORY


def _qdrant(layout: Layout) -> list[str]:
    place = ["--folder", str(layout.home.qdrant), "--host", LOOPBACK, "--port", str(layout.ports["qdrant"])]
    return [sys.executable, "-m", "growfit_local.qdrant", *place]


def _with_qdrant(layout: Layout) -> bool:
    """Vectors live there, or a migration moves them. Who has a server of his own names it in QDRANT_URL."""
    chosen = layout.settings["VECTOR_BACKEND"] == "qdrant" or layout.settings["QDRANT"] == "local"
    return chosen and not layout.settings["QDRANT_URL"]


def _embedder(layout: Layout) -> list[str]:
    return [sys.executable, "-m", "embedder", "serve", "--host", LOOPBACK, "--port", str(layout.ports["embedder"])]


def _serve(package: str, doors: str, name: str, layout: Layout) -> list[str]:
    port = str(layout.ports[name])
    return [sys.executable, "-m", "chassis.serve", package, "--doors", doors, "--host", LOOPBACK, "--port", port]


def _python(table: Callable[[Layout], Environment], layout: Layout) -> Environment:
    # Two arenas: threads that each keep their own would hold tens of megabytes that nobody uses.
    return table(layout) | {"MALLOC_ARENA_MAX": "2", "PYTHONUNBUFFERED": "1"}


def _service(name: str, *, doors: str = "all", package: str = "") -> Process:
    return Process(
        name=name,
        group="services",
        port=name,
        command=partial(_serve, package or name.replace("-", "_"), doors, name),
        environment=partial(_python, environment.TABLE[name]),
    )


PROCESSES = (
    Process(
        name="postgres",
        group="servers",
        port="postgres",
        command=postgres.command,
        environment=postgres.environment,
        ready="",
        stop_signal="INT",  # "fast": roll back what runs, write everything down, end
        stop_seconds=60,
    ),
    Process(
        name="nats",
        group="servers",
        port="nats-monitor",
        command=_nats,
        environment=environment.nats,
        ready="/healthz",
    ),
    Process(
        name="qdrant",
        group="servers",
        port="qdrant",
        command=_qdrant,
        environment=partial(_python, environment.qdrant),
        ready="/readyz",
        wanted=_with_qdrant,
    ),
    Process(
        name="embedder",
        group="platform",
        port="embedder",
        command=_embedder,
        environment=partial(_python, environment.embedder),
    ),
    _service("identity"),
    _service("org-partner"),
    _service("ingest", doors="http"),
    _service("ingest-worker", doors="worker", package="ingest"),
    _service("rag"),
    _service("usage-metrics"),
    Process(
        name="traefik",
        group="gateway",
        port="traefik-ping",
        command=_traefik,
        environment=_traefik_environment,
        ready="/ping",
    ),
)

NAMES = tuple(process.name for process in PROCESSES)
SERVICES = tuple(process.name for process in PROCESSES if process.group == "services")


def wanted(layout: Layout) -> tuple[str, ...]:
    """The processes of this installation: all but a Qdrant that nobody asked for."""
    return tuple(process.name for process in PROCESSES if process.wanted(layout))


def named(name: str) -> Process:
    for process in PROCESSES:
        if process.name == name:
            return process
    raise StackError(f"There is no process {name!r}; there are: {', '.join(NAMES)}")
