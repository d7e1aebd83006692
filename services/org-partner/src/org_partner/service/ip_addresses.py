"""Which IP addresses are out on the internet, which are an operator's own network, and which nobody should ask for.

`ipaddress` alone does not tell: ::ffff:127.0.0.1 is no loopback to it, and NAT64, 6to4 and 192.0.0.0/24 are global.
"""

import ipaddress
from ipaddress import IPv4Address, IPv6Address

IP = IPv4Address | IPv6Address

# Of IPv6 only what is handed out as global unicast, without the parts that lead to IPv4 addresses or to nobody.
_GLOBAL_6 = ipaddress.ip_network("2000::/3")
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        # A cloud's metadata, as 168.63.129.16 and fd00:ec2:: are.
        "169.254.0.0/16",
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        # Teredo among others.
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "fd00:ec2::/32",
        "fe80::/10",
        "ff00::/8",
    )
)
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "::1/128", "fc00::/7")
)


def is_public(ip: IP) -> bool:
    ip = unwrapped(ip)
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_6:
        return False
    return ip.is_global and not _in(ip, _NEVER)


def is_private(ip: IP) -> bool:
    """In one's own networks, which an operator can allow."""
    ip = unwrapped(ip)
    return _in(ip, _PRIVATE) and not _in(ip, _NEVER)


def literal(host: str) -> IP | None:
    """None: it is a name. An address with a zone, which names a network card of this machine, counts as none."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return None
    return None if isinstance(ip, IPv6Address) and ip.scope_id else ip


def of_text(text: str) -> IP:
    """What a name service answers."""
    return unwrapped(ipaddress.ip_address(text.partition("%")[0]))


def unwrapped(ip: IP) -> IP:
    """The IPv4 address that an IPv6 one stands for."""
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return mapped if mapped is not None else ip


def _in(ip: IP, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    return any(ip.version == network.version and ip in network for network in networks)
