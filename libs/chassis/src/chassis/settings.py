"""Settings that every service reads from the environment. Built when a door opens, never at import."""

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import BaseSettings, SettingsConfigDict

_PUBLIC_URL = "http://localhost:8000"


def _or_default(value: str) -> str:
    # Compose passes what nobody set as an empty text.
    return value or _PUBLIC_URL


class MailSettings(BaseSettings):
    """For services that write letters. `public_url`: where people open the links in them."""

    model_config = SettingsConfigDict(extra="ignore")

    public_url: Annotated[str, BeforeValidator(_or_default)] = _PUBLIC_URL
    mail_url: str = ""
    mail_from: str = "GrowFit <no-reply@growfit.invalid>"


def _peers(value: str) -> str:
    """Addresses and networks divided by commas. A name or `*` would let whoever connects say where they come from.

    Raises:
        ValueError: one is none.
    """
    given = [each.strip() for each in value.split(",") if each.strip()]
    for each in given:
        ip_network(each)
    return ",".join(given) or "127.0.0.1"


class ServiceSettings(BaseSettings):
    """`forwarded_allow_ips`: who may say in `X-Forwarded-For` where a request comes from.

    The header is read from the right, past these; the first other address is the caller's.
    """

    model_config = SettingsConfigDict(extra="ignore")

    app_env: Literal["dev", "test", "prod"] = "dev"
    database_url: str
    database_pool_size: int = 8
    nats_url: str
    nats_nkey_seed: str
    jwks_url: str
    jwt_issuer: str = "growfit"
    forwarded_allow_ips: Annotated[str, AfterValidator(_peers)] = "127.0.0.1"
    otel_exporter_otlp_endpoint: str = ""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
