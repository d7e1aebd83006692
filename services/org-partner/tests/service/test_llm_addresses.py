"""Base URLs that an org may set, and the ones that would lead inside."""

import pytest

from chassis.errors import Invalid
from org_partner.adapters.resolver_table import TableResolver
from org_partner.service import llm_addresses
from org_partner.service.llm_addresses import Addresses

PUBLIC = "93.184.215.14"


def addresses(*answers: list[str], allowed: str = "*", private: bool = False, host: str = "api.example.com"):
    return Addresses(TableResolver({host: answers or [[PUBLIC]]}), allowed_hosts=allowed, private_allowed=private)


def refusal(call, *arguments) -> str:
    with pytest.raises(Invalid) as caught:
        call(*arguments)
    return caught.value.code


async def refused(checked: Addresses, url: str) -> str:
    with pytest.raises(Invalid) as caught:
        await checked.check(checked.parse(url))
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("HTTPS://API.OpenAI.com:443/v1/", "https://api.openai.com/v1"),
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com.:8443/", "https://api.example.com:8443"),
        ("https://예시.한국/v1", "https://xn--vv4b11d.xn--3e0b707e/v1"),
        ("https://ＡＰＩ.example.com/openai/deployments/x", "https://api.example.com/openai/deployments/x"),
        ("https://8.8.8.8/v1", "https://8.8.8.8/v1"),
        ("https://[2606:4700:0:0::1111]:8443/v1", "https://[2606:4700::1111]:8443/v1"),
        ("https://[::ffff:8.8.8.8]/v1", "https://8.8.8.8/v1"),
    ],
)
def test_an_address_is_kept_in_one_form(text, url) -> None:
    assert llm_addresses.parse(text).url == url
    assert llm_addresses.parse(url).url == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        " https://api.example.com",
        "https://api.example.com/\n",
        "https://api.exam\tple.com",
        "api.example.com/v1",
        "//api.example.com",
        "https:api.example.com",
        "https:///v1",
        "ftp://api.example.com",
        "file:///etc/passwd",
        "gopher://api.example.com",
        "javascript:alert(1)",
        "https://user@api.example.com",
        "https://user:secret@api.example.com",
        "https://api.example.com@127.0.0.1",
        "https://api.example.com/v1?key=1",
        "https://api.example.com/v1?",
        "https://api.example.com/v1#x",
        "https://api.example.com\\@127.0.0.1/",
        "https://api.example.com/../admin",
        "https://api.example.com/v1/..;/x",
        "https://api.example.com//v1",
        "https://api.example.com/%2e%2e",
        "https://api.example.com:0",
        "https://api.example.com:22",
        "https://api.example.com:80",
        "https://api.example.com:65536",
        "https://api.example.com:-1",
        "https://api.example.com:port",
        "https://api_example.com",
        "https://-api.example.com",
        "https://api..example.com",
        "https://exa%6dple.com",
        "https://[::1%25eth0]/",
        "https://[v1.x]/",
        "https://[::1",
        "https://" + "a" * 64 + ".com",
        "https://" + "a." * 130 + "com",
        "https://api.example.com/" + "a" * 500,
        "https://api.example.com\u0000/",
        # What getaddrinfo takes for 127.0.0.1.
        "https://2130706433",
        "https://0x7f000001",
        "https://0x7f.1",
        "https://0x7f.0.0.1",
        "https://127.1",
        "https://127.0.1",
        "https://017700000001",
        "https://0177.0.0.1",
        "https://127.0.0.01",
        "https://127.0.0.1.1",
        "https://１２７.1",
        "https://256.256.256.256",
        "https://example.0x7f",
    ],
)
def test_what_is_no_plain_base_url_is_refused(text) -> None:
    assert refusal(llm_addresses.parse, text) == "llm_address_invalid"


INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "168.63.129.16",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("ip", INSIDE)
async def test_a_name_that_leads_inside_is_refused_also_beside_a_public_address(ip) -> None:
    for answer in ([ip], [PUBLIC, ip], [ip, PUBLIC]):
        assert await refused(addresses(answer), "https://api.example.com/v1") == "llm_address_private"


@pytest.mark.parametrize("ip", [ip for ip in INSIDE if "%" not in ip])
async def test_the_same_written_as_an_address_is_refused(ip) -> None:
    url = f"https://[{ip}]/v1" if ":" in ip else f"https://{ip}/v1"

    assert await refused(addresses(), url) == "llm_address_private"


async def test_a_link_local_answer_with_a_network_card_is_refused() -> None:
    assert await refused(addresses(["fe80::1%eth0"]), "https://api.example.com") == "llm_address_private"


@pytest.mark.parametrize("ip", [PUBLIC, "8.8.8.8", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8"])
async def test_public_addresses_pass_and_are_what_is_connected_to(ip) -> None:
    checked = addresses([ip, PUBLIC])

    endpoint = await checked.check(checked.parse("https://api.example.com/v1"))

    assert endpoint.addresses == (ip.removeprefix("::ffff:"), PUBLIC)
    assert (endpoint.url, endpoint.host, endpoint.port) == ("https://api.example.com/v1", "api.example.com", 443)


async def test_a_name_that_nobody_knows_is_told_clearly() -> None:
    assert await refused(addresses(), "https://unknown.example.com") == "llm_host_unknown"


async def test_an_address_is_not_looked_up() -> None:
    resolver = TableResolver({})
    checked = Addresses(resolver, allowed_hosts="*", private_allowed=False)

    await checked.check(checked.parse("https://8.8.8.8/v1"))

    assert resolver.asked == []


def test_plain_http_is_refused_where_private_addresses_are() -> None:
    assert refusal(addresses().parse, "http://api.example.com") == "llm_https_needed"


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "10.1.2.3", "172.20.0.2", "192.168.0.9", "::1", "fd12::1", "::ffff:10.0.0.1"]
)
async def test_an_operator_can_allow_private_addresses_with_http_too(ip) -> None:
    checked = addresses([ip], private=True, host="ollama")

    for scheme, port in (("http", 11434), ("https", 8443)):
        endpoint = await checked.check(checked.parse(f"{scheme}://ollama:{port}/v1"))
        assert (endpoint.scheme, endpoint.port) == (scheme, port)


@pytest.mark.parametrize(
    "ip",
    [
        "169.254.169.254",
        "168.63.129.16",
        "fd00:ec2::254",
        "100.64.0.1",
        "0.0.0.0",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "fe80::1",
        "::7f00:1",
    ],
)
async def test_what_is_neither_public_nor_ones_own_network_stays_refused(ip) -> None:
    assert await refused(addresses([ip], private=True), "https://api.example.com") == "llm_address_private"


async def test_plain_http_never_leaves_ones_own_network() -> None:
    for answer in ([PUBLIC], ["10.0.0.1", PUBLIC]):
        assert await refused(addresses(answer, private=True), "http://api.example.com") == "llm_https_needed"


@pytest.mark.parametrize(
    ("allowed", "host", "passes"),
    [
        ("api.openai.com", "api.openai.com", True),
        ("api.openai.com", "API.OPENAI.COM.", True),
        ("api.openai.com", "api.openai.com.evil.com", False),
        ("api.openai.com", "evil-api.openai.com", False),
        ("api.openai.com", "x.api.openai.com", False),
        ("*.openai.azure.com", "school.openai.azure.com", True),
        ("*.openai.azure.com", "a.b.openai.azure.com", True),
        ("*.openai.azure.com", "openai.azure.com", False),
        ("*.openai.azure.com", "evilopenai.azure.com", False),
        (" api.a.com , *.한국 ", "예시.한국", True),
        ("api.a.com", "8.8.8.8", False),
        ("8.8.8.8", "8.8.8.8", True),
        (" * ", "api.a.com", True),
        ("", "api.openai.com", False),
    ],
)
def test_where_hosts_are_listed_no_other_passes(allowed, host, passes) -> None:
    parse = addresses(allowed=allowed).parse

    if passes:
        assert parse(f"https://{host}/v1").host
    else:
        assert refusal(parse, f"https://{host}/v1") == "llm_host_not_allowed"


@pytest.mark.parametrize(
    "allowed", ["https://api.openai.com", "*,api.openai.com", "**", "a b", "*.", "127.1", "api.openai.com/v1"]
)
def test_a_list_that_is_none_is_told_at_the_start(allowed) -> None:
    with pytest.raises(ValueError, match="LLM_ALLOWED_HOSTS"):
        addresses(allowed=allowed)
