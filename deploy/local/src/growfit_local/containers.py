"""The same servers as containers, where a Docker engine answers. Images and versions are compose's own."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from growfit_local import environment, layout, postgres, processes
from growfit_local.errors import StackError
from growfit_local.home import REPOSITORY, Home
from growfit_local.layout import Layout
from growfit_local.ports import LOOPBACK
from growfit_local.readiness import is_ready
from growfit_local.servers import Control

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

_READY_SECONDS = 60
_PAUSE = 0.1


@cache
def engine_answers() -> bool:
    """Asked once. GROWFIT_TEST_SERVERS=local keeps the tests off an engine that is there."""
    sockets = (Path("/var/run/docker.sock"), Path.home() / ".docker" / "run" / "docker.sock")
    possible = "DOCKER_HOST" in os.environ or any(path.exists() for path in sockets)
    if not possible or os.environ.get("GROWFIT_TEST_SERVERS") == "local":
        return False
    import docker  # type: ignore[import-untyped]  # noqa: PLC0415 - only where an engine may be

    try:
        return bool(docker.from_env(timeout=3).ping())
    except docker.errors.DockerException:
        return False


@dataclass(frozen=True)
class ContainerControl:
    container: "DockerContainer"
    name: str
    layout: Layout

    def kill(self) -> None:
        wrapped = self.container.get_wrapped_container()
        wrapped.kill()
        wrapped.start()

    def restart(self) -> None:
        self.container.get_wrapped_container().restart()
        self.wait_ready()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        ready, reason = False, ""
        while not ready:
            ready, reason = is_ready(processes.named(self.name), self.layout)
            if time.monotonic() > deadline:
                raise StackError(f"the container of {self.name} is not ready: {reason}")
            time.sleep(_PAUSE)


@contextmanager
def container(name: str, root: Path) -> Iterator[tuple[Layout, Control]]:
    home = Home.at(root)
    home.create()
    plan = layout.resolve(home, port=0, host=LOOPBACK, settings={})
    with _MAKERS[name](plan) as running:
        control = ContainerControl(running, name, plan)
        control.wait_ready()
        yield plan, control


def _postgres(plan: Layout) -> "DockerContainer":
    config = "/etc/postgresql/postgresql.conf"
    return (
        _container("postgres")
        .with_env("POSTGRES_PASSWORD", plan.secrets["POSTGRES_PASSWORD"])
        .with_env("POSTGRES_INITDB_ARGS", _compose_service("postgres")["environment"]["POSTGRES_INITDB_ARGS"])
        .with_volume_mapping(str(postgres.CONFIG), config, "ro")
        .with_command(["postgres", "-c", f"config_file={config}", "-c", "listen_addresses=*"])
        .with_bind_ports(5432, plan.ports["postgres"])
    )


def _nats(plan: Layout) -> "DockerContainer":
    inside = {"NATS_LISTEN": '"0.0.0.0:4222"', "NATS_MONITOR": '"0.0.0.0:8222"', "NATS_STORE_DIR": '"/data"'}
    started = _container("nats")
    for variable, value in (environment.nats(plan) | inside).items():
        started = started.with_env(variable, value)
    return (
        started.with_volume_mapping(str(REPOSITORY / "deploy" / "nats" / "nats.conf"), "/etc/nats/nats.conf", "ro")
        .with_command(["-c", "/etc/nats/nats.conf"])
        .with_bind_ports(4222, plan.ports["nats"])
        .with_bind_ports(8222, plan.ports["nats-monitor"])
    )


def _qdrant(plan: Layout) -> "DockerContainer":
    started = _container("qdrant").with_bind_ports(6333, plan.ports["qdrant"])
    for variable, value in (environment.qdrant(plan)).items():
        started = started.with_env(variable, value)
    return started


_MAKERS: dict[str, Callable[[Layout], "DockerContainer"]] = {
    "postgres": _postgres,
    "nats": _nats,
    "qdrant": _qdrant,
}


def _container(name: str) -> "DockerContainer":
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - only where an engine answers

    return DockerContainer(_compose_service(name)["image"])


def _compose_service(name: str) -> dict[str, Any]:
    compose = yaml.safe_load((REPOSITORY / "deploy" / "compose.yaml").read_text("utf-8"))
    service: dict[str, Any] = compose["services"][name]
    return service
