"""Which addresses count as one place: a household, a school, a provider's customer."""

from ipaddress import IPv6Address, ip_address, ip_network

_IPV4_PREFIX, _IPV6_PREFIX = 24, 64


def network_of(ip: str | None) -> str:
    """The /24 or the /64 around an address; `unknown` where there is none."""
    try:
        address = ip_address((ip or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    prefix = _IPV4_PREFIX if address.version == 4 else _IPV6_PREFIX  # noqa: PLR2004  IP's versions
    return str(ip_network((address, prefix), strict=False))
