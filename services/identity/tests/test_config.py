"""What the operator writes in OIDC_PROVIDERS: taken, or refused in words that say what is wrong."""

import json

import pytest
from pydantic import ValidationError

from identity.config import Settings

GOOGLE = {"name": "google", "title": "Google", "issuer": "https://accounts.google.com", "client_id": "id"}


@pytest.fixture
def read(settings, monkeypatch):
    """As a process reads it at its start, from the environment."""

    def parse(text: str) -> Settings:
        monkeypatch.setenv("OIDC_PROVIDERS", text)
        return Settings(**settings.model_dump(exclude={"oidc_providers"}))

    return parse


@pytest.mark.parametrize("text", ["", "  ", "[]"])
def test_none(read, text) -> None:
    assert read(text).oidc_providers == ()


def test_some(read) -> None:
    school = GOOGLE | {"name": "school", "issuer": "https://id.school.example:8443/realms/a", "client_secret": "s"}
    google, other = read(json.dumps([GOOGLE, school])).oidc_providers

    assert (google.name, google.client_secret, google.scope) == ("google", None, "openid email profile")
    assert (other.issuer, other.client_secret.get_secret_value()) == ("https://id.school.example:8443/realms/a", "s")
    assert "'s'" not in repr(other), "the secret is not printed"


@pytest.mark.parametrize("issuer", ["http://localhost:9400", "http://127.0.0.1:9400", "http://[::1]:9400"])
def test_on_this_machine_without_tls(read, issuer) -> None:
    assert read(json.dumps([GOOGLE | {"issuer": issuer}])).oidc_providers[0].issuer == issuer


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("google", "JSON list"),
        ("{}", "JSON list"),
        ("[{]", "JSON list"),
        ('"[]"', "JSON list"),
        ([GOOGLE, GOOGLE | {"title": "Again"}], "same name"),
        ([GOOGLE | {"issuer": "http://accounts.google.com"}], "https"),
        ([GOOGLE | {"issuer": "http://localhost.evil.example"}], "https"),
        ([GOOGLE | {"issuer": "accounts.google.com"}], "issuer is"),
        ([GOOGLE | {"issuer": "https://accounts.google.com?x=1"}], "issuer is"),
        ([GOOGLE | {"issuer": "https://user@accounts.google.com"}], "issuer is"),
        ([GOOGLE | {"issuer": "https://[::1"}], "IPv6"),
        ([GOOGLE | {"name": "Google"}], "pattern"),
        ([GOOGLE | {"name": "a/../b"}], "pattern"),
        ([GOOGLE | {"name": ""}], "pattern"),
        ([GOOGLE | {"title": ""}], "at least 1"),
        ([GOOGLE | {"client_id": ""}], "at least 1"),
        ([GOOGLE | {"scope": "email"}], "pattern"),
        ([GOOGLE | {"secret": "s"}], "not permitted"),
        ([{"name": "google"}], "required"),
        (["google"], "valid dictionary"),
    ],
    ids=str,
)
def test_wrong_ones_are_told(read, value, word) -> None:
    with pytest.raises(ValidationError) as refused:
        read(value if isinstance(value, str) else json.dumps(value))

    (first, *_) = refused.value.errors()
    assert word in first["msg"]
    assert first["loc"][:1] in (("oidc_providers",), ())
