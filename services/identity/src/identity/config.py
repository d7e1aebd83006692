from pydantic import SecretStr

from chassis.settings import MailSettings, ServiceSettings


class Settings(ServiceSettings, MailSettings):
    """`key_encryption_key`: base64 of 32 bytes; seals the signing keys at rest."""

    key_encryption_key: SecretStr
