"""What an operator leaves out, or sets empty as compose does."""

import pytest

from chassis.errors import Invalid
from org_partner.adapters.resolver_table import TableResolver
from org_partner.config import Settings
from org_partner.service.llm_addresses import Addresses


@pytest.fixture
def configured(monkeypatch):
    """`configured(LLM_ALLOWED_HOSTS=…)`: the addresses that the service makes of it."""

    def made(**environment: str) -> Addresses:
        needed = ("DATABASE_URL", "NATS_URL", "NATS_NKEY_SEED", "JWKS_URL", "KEY_ENCRYPTION_KEY")
        monkeypatch.delenv("LLM_ALLOWED_HOSTS", raising=False)
        for name, value in (dict.fromkeys(needed, "x") | environment).items():
            monkeypatch.setenv(name, value)
        return Addresses(TableResolver({}), allowed_hosts=Settings().llm_allowed_hosts, private_allowed=False)

    return made


@pytest.mark.parametrize("environment", [{}, {"LLM_ALLOWED_HOSTS": ""}, {"LLM_ALLOWED_HOSTS": " "}])
def test_without_a_list_the_known_providers_hosts_pass_and_no_others(configured, environment) -> None:
    addresses = configured(**environment)

    for host in ("api.openai.com", "school.openai.azure.com", "clovastudio.stream.ntruss.com"):
        assert addresses.parse(f"https://{host}/v1").host == host
    for host in ("api.example.com", "8.8.8.8", "api.openai.com.example.com", "openai.azure.com"):
        with pytest.raises(Invalid) as caught:
            addresses.parse(f"https://{host}/v1")
        assert caught.value.code == "llm_host_not_allowed"


def test_a_star_lets_every_public_host_pass_and_a_list_its_own(configured) -> None:
    assert configured(LLM_ALLOWED_HOSTS="*").parse("https://api.example.com/v1").host == "api.example.com"
    with pytest.raises(Invalid):
        configured(LLM_ALLOWED_HOSTS="api.example.com").parse("https://api.openai.com/v1")
