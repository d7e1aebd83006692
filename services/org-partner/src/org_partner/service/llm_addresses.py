"""Which addresses an LLM provider may have. An org writes them, and this service goes there: nothing inside is reached.

A name is looked up and every address it has is checked; who connects afterwards connects to those addresses, because
the name may mean another one by then.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import idna

from chassis.errors import Invalid
from org_partner.errors import (
    LLM_ADDRESS_INVALID,
    LLM_ADDRESS_PRIVATE,
    LLM_HOST_NOT_ALLOWED,
    LLM_HOST_UNKNOWN,
    LLM_HTTPS_NEEDED,
)
from org_partner.ports import Endpoint, HostUnknown, Resolver
from org_partner.service import ip_addresses
from org_partner.service.ip_addresses import IP

MAX_LENGTH = 500
EVERY_HOST = "*"
_DEFAULT_PORTS = {"https": 443, "http": 80}
_FIRST_FREE_PORT = 1024
_LAST_PORT = 65_535
_PLAIN = re.compile(r"[!-~\u0080-\U0010ffff]+")
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
# What getaddrinfo takes for an IPv4 address though it is not written as one: 2130706433, 0x7f.1, 127.1, 0177.0.0.1.
_NUMERIC = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")


@dataclass(frozen=True, slots=True)
class Address:
    """A base URL that is well formed; what its host resolves to is not known yet."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


class Addresses:
    """`allowed_hosts`: names, or `*.suffix` for what is below one, divided by commas; `*`: every public host."""

    def __init__(self, resolver: Resolver, *, allowed_hosts: str, private_allowed: bool) -> None:
        """
        Raises:
            ValueError: an allowed host is no host.
        """
        self._resolver = resolver
        parts = [part.strip() for part in allowed_hosts.split(",") if part.strip()]
        self._all_allowed = parts == [EVERY_HOST]
        self._allowed = [] if self._all_allowed else [_pattern(part) for part in parts]
        self._private_allowed = private_allowed

    def parse(self, text: str) -> Address:
        """
        Raises:
            Invalid: it is no base URL, or not one of an allowed host.
        """
        address = parse(text)
        if address.scheme == "http" and not self._private_allowed:
            raise Invalid(LLM_HTTPS_NEEDED)
        if not self._all_allowed and not any(_matches(address.host, pattern) for pattern in self._allowed):
            raise Invalid(LLM_HOST_NOT_ALLOWED, host=address.host)
        return address

    async def check(self, address: Address) -> Endpoint:
        """Asks the name service, so outside of any transaction.

        Raises:
            Invalid: the host is not known, or one of its addresses must not be reached.
        """
        found = [ip_addresses.of_text(text) for text in await self._resolve(address)]
        if not all(self._may_reach(ip) for ip in found):
            raise Invalid(LLM_ADDRESS_PRIVATE, host=address.host)
        if address.scheme == "http" and not all(ip_addresses.is_private(ip) for ip in found):
            raise Invalid(LLM_HTTPS_NEEDED)
        return Endpoint(address.url, address.scheme, address.host, address.port, tuple(map(str, found)))

    async def _resolve(self, address: Address) -> list[str]:
        literal = ip_addresses.literal(address.host)
        if literal is not None:
            return [str(literal)]
        try:
            return list(await self._resolver.resolve(address.host, address.port))
        except HostUnknown as error:
            raise Invalid(LLM_HOST_UNKNOWN, host=address.host) from error

    def _may_reach(self, ip: IP) -> bool:
        return ip_addresses.is_public(ip) or (self._private_allowed and ip_addresses.is_private(ip))


def parse(text: str) -> Address:
    """
    Raises:
        Invalid: it is no base URL.
    """
    if len(text) > MAX_LENGTH or not _PLAIN.fullmatch(text) or any(mark in text for mark in "\\?#@"):
        raise _invalid("form")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _invalid("form") from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise _invalid("scheme")
    if "[" in parts.netloc and ":" not in (parts.hostname or ""):
        raise _invalid("host")
    host = _host(parts.hostname or "")
    path = parts.path.rstrip("/")
    if not _PATH.fullmatch(path):
        raise _invalid("path")
    port = _DEFAULT_PORTS[parts.scheme] if port is None else port
    if port != _DEFAULT_PORTS[parts.scheme] and not _FIRST_FREE_PORT <= port <= _LAST_PORT:
        raise _invalid("port")
    return Address(parts.scheme, host, port, path)


def _host(text: str) -> str:
    literal = ip_addresses.literal(text)
    if literal is not None:
        return str(ip_addresses.unwrapped(literal))
    try:
        # Full-width digits and letters become plain ones here, so the numeric forms are looked for afterwards.
        host = idna.encode(text.removesuffix("."), uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise _invalid("host") from error
    if ip_addresses.literal(host) is None and (_NUMERIC.fullmatch(host) or not _HOST.fullmatch(host)):
        raise _invalid("host")
    return host


def _pattern(text: str) -> str:
    star = "*." if text.startswith("*.") else ""
    try:
        return star + _host(text.removeprefix(star))
    except Invalid as error:
        raise ValueError(f"LLM_ALLOWED_HOSTS: {text!r} is neither a host nor *.host") from error


def _matches(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _invalid(part: str) -> Invalid:
    return Invalid(LLM_ADDRESS_INVALID, part=part)
