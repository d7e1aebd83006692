from datetime import timedelta

from pydantic import SecretStr

from chassis.settings import MailSettings, ServiceSettings


class Settings(ServiceSettings, MailSettings):
    """`key_encryption_key`: base64 of 32 bytes; seals the signing keys at rest."""

    key_encryption_key: SecretStr
    access_token_minutes: int = 10
    refresh_token_days: int = 30

    @property
    def access_lifetime(self) -> timedelta:
        return timedelta(minutes=self.access_token_minutes)

    @property
    def refresh_lifetime(self) -> timedelta:
        return timedelta(days=self.refresh_token_days)
