"""What the services need from outside; `factory` knows who gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class HostUnknown(Exception):
    """No address could be found for the name."""


class Resolver(Protocol):
    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The host's IP addresses, at least one.

        Raises:
            HostUnknown: there is none, or the name service does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An LLM provider's address with the IP addresses that were checked; connections go to these alone.

    `url` is whole and normalised, without a slash at its end; `host` is in ASCII.
    """

    url: str
    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes


class Unreachable(Exception):
    """The provider gave no answer that could be used. `reason` is one of `REASONS`."""

    REASONS = ("connection", "tls", "timeout", "too_large", "protocol")

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Provider(Protocol):
    async def get(self, endpoint: Endpoint, path: str, *, api_key: str | None) -> Reply:
        """One request for `endpoint.url` + `path`, which follows no redirect.

        Raises:
            Unreachable: no answer, or none that is fit to be read.
        """
        ...
