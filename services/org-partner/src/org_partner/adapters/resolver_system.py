import asyncio
import socket
from collections.abc import Sequence

from org_partner.ports import HostUnknown

SECONDS = 5.0


class SystemResolver:
    """The machine's own name service."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(SECONDS):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # UnicodeError: a label that is empty or too long for the system's own encoder.
        except (OSError, TimeoutError, UnicodeError) as error:
            raise HostUnknown(host) from error
        addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
        if not addresses:
            raise HostUnknown(host)
        return addresses
