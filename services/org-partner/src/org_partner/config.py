from typing import Annotated, Literal

from pydantic import BeforeValidator, SecretStr

from chassis.settings import MailSettings, ServiceSettings

# Those of providers that many know. Whoever has another one, or a gateway of their own, names it.
KNOWN_LLM_HOSTS = (
    "api.openai.com",
    "*.openai.azure.com",
    "api.anthropic.com",
    "generativelanguage.googleapis.com",
    "api.mistral.ai",
    "api.cohere.com",
    "api.groq.com",
    "openrouter.ai",
    "api.together.xyz",
    "api.deepseek.com",
    "api.upstage.ai",
    "clovastudio.stream.ntruss.com",
)


def _or_known(value: str) -> str:
    # Compose passes what nobody set as an empty text.
    return value.strip() or ",".join(KNOWN_LLM_HOSTS)


class Settings(ServiceSettings, MailSettings):
    """`key_encryption_key`: base64 of 32 bytes, several divided by commas; seals LLM keys and waiting letters.

    `llm_allowed_hosts`: divided by commas; `*` is every public one, empty are the known providers'.
    """

    key_encryption_key: SecretStr
    llm_allowed_hosts: Annotated[str, BeforeValidator(_or_known)] = ""
    llm_private_addresses: Literal["refuse", "allow"] = "refuse"
