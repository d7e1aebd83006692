"""The platform's settings as data: what there is, of which type, within which bounds, and what stands until it is set.

identity keeps and publishes the values (`PlatformSettingsChanged`); every service applies those it knows.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

MIB = 1024**2
_PIB = 1024**5

_OPENXML = "application/vnd.openxmlformats-officedocument"
MEDIA_TYPES = (
    "application/pdf",
    "text/plain",
    "text/markdown",
    "text/csv",
    "text/html",
    f"{_OPENXML}.wordprocessingml.document",
    f"{_OPENXML}.presentationml.presentation",
    f"{_OPENXML}.spreadsheetml.sheet",
    "application/x-hwp",
    "application/hwp+zip",
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/tiff",
)

# scheme://host[:port], as browsers send it.
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$", max_length=200)]


class SignUpMode(StrEnum):
    OPEN = "open"
    INVITE_ONLY = "invite_only"
    CLOSED = "closed"


class MfaTier(StrEnum):
    """Who somebody is at most: the account's tier, or the highest role that memberships give."""

    SUPERVISOR = "supervisor"
    ORG = "org"
    PARTNER = "partner"
    USER = "user"


@dataclass(frozen=True)
class PlatformSetting:
    """`kind` is a pydantic annotation; its JSON schema tells type and bounds."""

    name: str
    kind: Any
    default: Any
    ko: str
    en: str

    @property
    def group(self) -> str:
        return self.name.split(".", 1)[0]

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.kind)

    def parse(self, value: Any) -> Any:
        """The value in JSON's terms.

        Raises:
            pydantic.ValidationError: wrong type or out of bounds.
        """
        return self.adapter.dump_python(self.adapter.validate_python(value), mode="json")


def _int(low: int, high: int) -> Any:
    return Annotated[int, Field(strict=True, ge=low, le=high)]


def _some(kind: Any, at_most: int = 50) -> Any:
    return Annotated[list[kind], Field(max_length=at_most)]


_ALL = (
    PlatformSetting(
        "api.requests_per_minute", _int(10, 1_000_000), 3_000,
        "한 사용자가 한 서비스에 1분 동안 보낼 수 있는 요청 수",
        "Requests that one user may send to one service within a minute",
    ),
    PlatformSetting(
        "api.upload_max_bytes", _int(MIB, 2048 * MIB), 200 * MIB,
        "올릴 수 있는 문서의 최대 크기(바이트)", "The largest document that may be uploaded, in bytes",
    ),
    PlatformSetting(
        "api.allowed_types", _some(Literal[MEDIA_TYPES]), list(MEDIA_TYPES),
        "올릴 수 있는 문서 형식", "The media types that may be uploaded",
    ),
    PlatformSetting(
        "api.cors_origins", _some(Origin), [],
        "브라우저에서 API를 부를 수 있는 출처(origin)", "The origins whose pages may call the API from a browser",
    ),
    PlatformSetting(
        "documents.max_per_user", _int(0, 10_000_000), 10_000,
        "한 사용자가 가질 수 있는 문서 수. 0은 제한 없음", "Documents that one user may have; 0: any number",
    ),
    PlatformSetting(
        "documents.max_bytes_per_user", _int(0, _PIB), 20 * 1024 * MIB,
        "한 사용자의 문서가 차지할 수 있는 크기(바이트). 0은 제한 없음",
        "What the documents of one user may take up, in bytes; 0: any size",
    ),
    PlatformSetting(
        "documents.max_bytes_per_org", _int(0, _PIB), 0,
        "한 조직의 문서가 차지할 수 있는 크기(바이트). 0은 제한 없음",
        "What the documents of one org may take up, in bytes; 0: any size",
    ),
    PlatformSetting(
        "security.sign_up_mode", SignUpMode, SignUpMode.OPEN.value,
        "가입 방식: 누구나, 초대받은 사람만, 닫힘", "Who may sign up: anybody, invited people alone, nobody",
    ),
    PlatformSetting(
        "security.email_verification_required", Annotated[bool, Field(strict=True)], False,
        "이메일을 확인해야 로그인할 수 있게 합니다", "Whether an address must be verified before the first login",
    ),
    PlatformSetting(
        "security.password_min_length", _int(10, 64), 10, "비밀번호의 최소 길이", "The shortest password, in characters"
    ),
    PlatformSetting(
        "security.mfa_required_tiers", _some(MfaTier), [],
        "2단계 인증을 반드시 써야 하는 티어", "The tiers that must log in with a second factor",
    ),
    PlatformSetting(
        "security.access_token_minutes", _int(1, 60), 10,
        "접근 토큰의 수명(분)", "How long an access token lives, in minutes",
    ),
    PlatformSetting(
        "security.refresh_token_days", _int(1, 365), 30,
        "로그인 세션의 수명(일)", "How long a session lives from its login on, in days",
    ),
    PlatformSetting(
        "security.login_attempts", _int(3, 100), 10,
        "한 계정에 15분 동안 허용하는 틀린 로그인 횟수", "Wrong logins that one account may have within 15 minutes",
    ),
    PlatformSetting(
        "security.signing_key_days", _int(1, 365), 90,
        "토큰 서명 키를 바꾸는 주기(일)", "Days after which the key that signs tokens is replaced",
    ),
)  # fmt: skip

SETTINGS: dict[str, PlatformSetting] = {setting.name: setting for setting in _ALL}

# No access token lives longer than this, whatever is set: what was revoked before is over by itself.
LONGEST_ACCESS_MINUTES = 60

__all__ = [
    "LONGEST_ACCESS_MINUTES",
    "MEDIA_TYPES",
    "SETTINGS",
    "MfaTier",
    "PlatformSetting",
    "SignUpMode",
    "ValidationError",
]
