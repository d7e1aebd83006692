"""Is a process ready to work? Asked from the outside, without libraries that would slow the start."""

import http.client
import json
import subprocess
from typing import Any

from growfit_local import postgres
from growfit_local.errors import StackError
from growfit_local.layout import Layout
from growfit_local.ports import LOOPBACK
from growfit_local.processes import Process

_SECONDS = 2


def is_ready(process: Process, layout: Layout) -> tuple[bool, str]:
    """Ready or not, and what the process says about it."""
    port = layout.ports[process.port]
    if not process.ready:
        return _postgres_accepts(port)
    ready, reason = _answers(port, process.ready)
    if ready and process.name == "traefik" and not _has_routes(layout):
        return False, "has not read its routes yet"
    return ready, reason


def _has_routes(layout: Layout) -> bool:
    """Traefik answers its ping before it knows its routes; whether the service behind one is up does not matter."""
    host = LOOPBACK if layout.host == "0.0.0.0" else layout.host
    connection = http.client.HTTPConnection(host, layout.ports["gateway"], timeout=_SECONDS)
    try:
        connection.request("GET", "/services/identity/health")
        return connection.getresponse().status != http.HTTPStatus.NOT_FOUND
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _answers(port: int, path: str) -> tuple[bool, str]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(2_000).decode("utf-8", errors="replace").strip()
    except (OSError, http.client.HTTPException):
        return False, "does not answer yet"
    finally:
        connection.close()
    return response.status == http.HTTPStatus.OK, body


def _postgres_accepts(port: int) -> tuple[bool, str]:
    asked = subprocess.run(
        [postgres.binary("pg_isready"), "-h", LOOPBACK, "-p", str(port), "-t", str(_SECONDS)],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.returncode == 0, asked.stdout.strip()


def assert_durable_nats(layout: Layout) -> None:
    """JetStream's own default acknowledges messages that a power cut still loses.

    Raises:
        StackError: the running server does not sync every message.
    """
    connection = http.client.HTTPConnection(LOOPBACK, layout.ports["nats-monitor"], timeout=_SECONDS)
    try:
        connection.request("GET", "/varz")
        varz: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if varz.get("jetstream", {}).get("config", {}).get("sync_always") is not True:
        raise StackError('nats: sync_interval is not "always" in the running server; see deploy/nats/nats.conf')
