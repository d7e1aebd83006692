"""Which addresses count as one place: a household, a school, a provider's customer."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from chassis import origin

UNKNOWN = "unknown"
_IPV4_PREFIX, _IPV6_PREFIX = 24, 64


def network_of(ip: str | None) -> str:
    """The /24 or the /64 around an address; `UNKNOWN` where there is none."""
    address = _parse(ip)
    if address is None:
        return UNKNOWN
    prefix = _IPV4_PREFIX if isinstance(address, IPv4Address) else _IPV6_PREFIX
    return str(ip_network((address, prefix), strict=False))


def here() -> str | None:
    """The network that the request comes from; None: there is none, as for an operator's command."""
    network = network_of(origin.current().ip)
    return None if network == UNKNOWN else network


def host_of(ip: str | None) -> str:
    """One customer: an IPv4 address, or the /64 that an IPv6 host chooses its addresses from."""
    address = _parse(ip)
    return str(address) if isinstance(address, IPv4Address) else network_of(ip)


def _parse(ip: str | None) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address((ip or "").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
