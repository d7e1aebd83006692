"""Where the work at hand comes from: the request's address, browser and id. For the audit log and for limits."""

from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Origin:
    ip: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


_NOWHERE = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


def current() -> Origin:
    """An empty one outside of a request."""
    return _current.get()


def set_current(origin: Origin) -> None:
    _current.set(origin)


def parsed(ip: str | None) -> IPv4Address | IPv6Address | None:
    """An IPv4 address in IPv6's notation is the IPv4 address. None: it is none."""
    try:
        address = ip_address((ip or "").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def host_of(ip: str | None) -> str | None:
    """One customer: an IPv4 address, or the /64 that an IPv6 host chooses its addresses from. None: there is none."""
    address = parsed(ip)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address) if address else None
