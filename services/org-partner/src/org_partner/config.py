from typing import Literal

from pydantic import SecretStr

from chassis.settings import MailSettings, ServiceSettings


class Settings(ServiceSettings, MailSettings):
    """`key_encryption_key`: base64 of 32 bytes, several divided by commas; seals LLM keys and waiting letters.

    `llm_allowed_hosts`: divided by commas; empty is every public one.
    """

    key_encryption_key: SecretStr
    llm_allowed_hosts: str = ""
    llm_private_addresses: Literal["refuse", "allow"] = "refuse"
