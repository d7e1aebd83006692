"""Which addresses count as one place: a household, a school, a provider's customer."""

from ipaddress import IPv4Address, ip_network

from chassis import origin

UNKNOWN = "unknown"
_IPV4_PREFIX, _IPV6_PREFIX = 24, 64


def network_of(ip: str | None) -> str:
    """The /24 or the /64 around an address; `UNKNOWN` where there is none."""
    address = origin.parsed(ip)
    if address is None:
        return UNKNOWN
    prefix = _IPV4_PREFIX if isinstance(address, IPv4Address) else _IPV6_PREFIX
    return str(ip_network((address, prefix), strict=False))


def here() -> str | None:
    """The network that the request comes from; None: there is none, as for an operator's command."""
    network = network_of(origin.current().ip)
    return None if network == UNKNOWN else network


def host_of(ip: str | None) -> str:
    """One customer (`chassis.origin.host_of`); `UNKNOWN` where there is none."""
    return origin.host_of(ip) or UNKNOWN
