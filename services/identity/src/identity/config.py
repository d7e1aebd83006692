import json
from ipaddress import ip_address
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from chassis.settings import MailSettings, ServiceSettings


class OidcProvider(BaseModel):
    """An OpenID provider that people may log in with. Without a secret it is told that we are a public client."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    title: str = Field(min_length=1, max_length=80)
    issuer: str
    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = None
    scope: str = Field(default="openid email profile", pattern=r"\bopenid\b")

    @field_validator("issuer")
    @classmethod
    def _is_an_address(cls, issuer: str) -> str:
        parts = urlsplit(issuer)
        if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("an issuer is https://host[:port][/path], as the provider's documents say it")
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(parts.hostname)):
            raise ValueError("an issuer must be https, but for one on this machine")
        return issuer


class Settings(ServiceSettings, MailSettings):
    """`key_encryption_key`: base64 of 32 bytes, several divided by commas; the first seals, all of them open."""

    key_encryption_key: SecretStr
    # Not decoded by pydantic-settings: an empty value means none, and a wrong one is told in words.
    oidc_providers: Annotated[tuple[OidcProvider, ...], NoDecode] = ()

    @field_validator("oidc_providers", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            found = json.loads(value) if value.strip() else []
        except ValueError:
            found = None
        if not isinstance(found, list):
            raise ValueError('it must be a JSON list, as [{"name":"google","title":"Google","issuer":"https://…",…}]')  # noqa: TRY004  pydantic's
        return found

    @model_validator(mode="after")
    def _have_one_name_each(self) -> Self:
        names = [each.name for each in self.oidc_providers]
        if len(set(names)) < len(names):
            raise ValueError("two of OIDC_PROVIDERS have the same name")
        return self


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
