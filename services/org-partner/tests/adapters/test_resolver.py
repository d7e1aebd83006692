import socket

import pytest

from org_partner.adapters.resolver_system import SystemResolver
from org_partner.adapters.resolver_table import TableResolver
from org_partner.ports import HostUnknown

RESOLVERS = {
    "system": SystemResolver,
    "table": lambda: TableResolver({"localhost": [["127.0.0.1", "::1"]]}),
}


@pytest.fixture(params=RESOLVERS)
def resolver(request):
    return RESOLVERS[request.param]()


async def test_a_known_name_has_addresses_each_once(resolver) -> None:
    found = list(await resolver.resolve("localhost", 443))

    assert found
    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("host", ["nobody.invalid", "a..b", "x" * 300, ""])
async def test_a_name_without_an_address_is_unknown(resolver, host, monkeypatch) -> None:
    def none(*_args, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "none")

    if host == "nobody.invalid":
        monkeypatch.setattr(socket, "getaddrinfo", none)
    with pytest.raises(HostUnknown):
        await resolver.resolve(host, 443)
