"""Ports of the stack: the gateway's is chosen by the person, all others are free ones that are remembered."""

import secrets
import socket

import psutil  # type: ignore[import-untyped]

from growfit_local.errors import AddressUnfit, PortTaken

LOOPBACK = "127.0.0.1"
MAX_PORT = 65_535

# Below the range from which systems take the ports of outgoing connections: a restarted process finds its port free.
_LOWEST, _HIGHEST = 20_000, 32_000


def is_free(port: int, *, host: str = LOOPBACK) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def choose(names: tuple[str, ...], *, remembered: dict[str, int], gateway: int) -> dict[str, int]:
    """A free loopback port for each name: the remembered one where it still is free. None is the gateway's."""
    chosen: dict[str, int] = {}
    for name in names:
        port = remembered.get(name, 0)
        if port in (0, gateway, *chosen.values()) or not is_free(port):
            port = unused(exclude={gateway, *chosen.values(), *remembered.values()})
        chosen[name] = port
    return chosen


def gateway(wanted: int, *, host: str, remembered: int = 0) -> int:
    """The gateway's port. 0 asks for any free one, the remembered one first.

    Raises:
        PortTaken: somebody else listens there.
        AddressUnfit: the address is not one of this machine's.
    """
    if not is_free(0, host=host):
        raise AddressUnfit(host)
    if wanted and not is_free(wanted, host=host):
        raise PortTaken(wanted, _owner(wanted))
    if wanted:
        return wanted
    return remembered if remembered and is_free(remembered, host=host) else unused()


def unused(*, exclude: set[int] | None = None) -> int:
    while True:
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if port not in (exclude or ()) and is_free(port):
            return port


def _owner(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""
