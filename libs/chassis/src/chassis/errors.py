"""The errors that services raise, and what becomes of each kind at both doors.

    GrowFitError
    ├── Unauthenticated   401
    ├── Forbidden         403
    ├── NotFound          404   also another tenant's id
    ├── Conflict          409
    ├── TooLarge          413
    ├── UnsupportedMedia  415
    ├── Invalid           422
    ├── RateLimited       429
    ├── BudgetExceeded    402
    └── Unavailable       503   the only kind that a message is tried again for

At the HTTP door the kind is the status; at the message door every kind but Unavailable means that trying
again cannot help, so the message goes to the dead letters and is acknowledged.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar


class Locale(StrEnum):
    KO = "ko"
    EN = "en"


@dataclass(frozen=True)
class Message:
    """One entry of an error catalogue: what happened and what to do, in both languages of the product.

    The texts are `str.format` templates over the keyword arguments of the error.
    """

    code: str
    ko: str
    en: str

    def text(self, locale: Locale, **values: Any) -> str:
        return (self.ko if locale is Locale.KO else self.en).format(**values)


class GrowFitError(Exception):
    """Raise a subclass with a catalogue entry; keyword arguments fill its text and travel as problem members."""

    status: ClassVar[int]
    title: ClassVar[Message]
    retryable: ClassVar[bool] = False

    def __init__(self, message: Message, *, headers: dict[str, str] | None = None, **values: Any) -> None:
        super().__init__(f"{message.code}: {message.text(Locale.EN, **values)}")
        self.message = message
        self.headers = headers or {}
        self.values = values

    @property
    def code(self) -> str:
        return self.message.code


class Unauthenticated(GrowFitError):
    status = 401
    title = Message("unauthenticated", "로그인이 필요합니다", "Authentication required")


class BudgetExceeded(GrowFitError):
    status = 402
    title = Message("budget_exceeded", "예산을 모두 썼습니다", "Budget exceeded")


class Forbidden(GrowFitError):
    status = 403
    title = Message("forbidden", "권한이 없습니다", "Forbidden")


class NotFound(GrowFitError):
    status = 404
    title = Message("not_found", "찾을 수 없습니다", "Not found")


class Conflict(GrowFitError):
    status = 409
    title = Message("conflict", "지금 상태와 맞지 않습니다", "Conflict")


class TooLarge(GrowFitError):
    status = 413
    title = Message("too_large", "너무 큽니다", "Too large")


class UnsupportedMedia(GrowFitError):
    status = 415
    title = Message("unsupported_media_type", "지원하지 않는 형식입니다", "Unsupported media type")


class Invalid(GrowFitError):
    status = 422
    title = Message("invalid", "요청을 처리할 수 없습니다", "Unprocessable request")


class RateLimited(GrowFitError):
    status = 429
    title = Message("rate_limited", "요청이 너무 많습니다", "Too many requests")


class Unavailable(GrowFitError):
    status = 503
    title = Message("unavailable", "잠시 사용할 수 없습니다", "Temporarily unavailable")
    retryable = True


KINDS: tuple[type[GrowFitError], ...] = (
    Unauthenticated,
    BudgetExceeded,
    Forbidden,
    NotFound,
    Conflict,
    TooLarge,
    UnsupportedMedia,
    Invalid,
    RateLimited,
    Unavailable,
)

DATABASE_UNAVAILABLE = Message(
    "database_unavailable",
    "데이터베이스에 잠시 연결할 수 없습니다. 잠시 후 다시 시도하세요.",
    "The database cannot be reached right now. Try again in a moment.",
)
INTERNAL_ERROR = Message(
    "internal_error",
    "서버에서 문제가 생겼습니다. 요청 번호 {request_id}와 함께 운영자에게 알려 주세요.",
    "Something went wrong on our side. Tell the operator the request id {request_id}.",
)
ROUTE_NOT_FOUND = Message(
    "route_not_found", "이 주소에는 아무것도 없습니다. 주소를 확인하세요.", "Nothing is here. Check the address."
)
METHOD_NOT_ALLOWED = Message(
    "method_not_allowed",
    "이 주소에서는 쓸 수 없는 방식(method)입니다.",
    "This method is not allowed here.",
)
VALIDATION_FAILED = Message(
    "validation_failed",
    "입력 값이 올바르지 않습니다. errors의 항목을 고쳐 다시 보내세요.",
    "Some values are not valid. Mend what `errors` lists and send the request again.",
)
REQUEST_REFUSED = Message(
    "request_refused",
    "요청을 이해할 수 없습니다. 헤더와 본문의 형식을 확인하세요. ({reason})",
    "The request could not be understood: {reason}",
)
TOKEN_MISSING = Message(
    "token_missing",
    "로그인한 뒤 Authorization: Bearer 헤더로 토큰을 보내세요.",
    "Log in, then send the token in an `Authorization: Bearer` header.",
)
TOKEN_INVALID = Message(
    "token_invalid",
    "토큰이 올바르지 않습니다. 다시 로그인하세요.",
    "The token is not valid. Log in again.",
)
TOKEN_EXPIRED = Message(
    "token_expired",
    "토큰이 만료되었습니다. 갱신 토큰으로 새로 받으세요.",
    "The token has expired. Use the refresh token to get a new one.",
)
SESSION_ENDED = Message(
    "session_ended",
    "이 로그인은 끝났습니다. 다시 로그인하세요.",
    "This session has ended. Log in again.",
)
API_KEY_INVALID = Message(
    "api_key_invalid",
    "API 키가 올바르지 않거나 만료되었거나 폐기되었습니다. 새 키를 만드세요.",
    "The API key is not valid, has expired or was revoked. Make a new one.",
)
SCOPE_INSUFFICIENT = Message(
    "scope_insufficient",
    "이 API 키로는 할 수 없습니다. 필요한 권한: {scope}",
    "This API key does not allow that. Needed: {scope}",
)
LOGIN_NEEDED = Message(
    "login_needed",
    "API 키로는 할 수 없습니다. 로그인한 뒤 다시 시도하세요.",
    "An API key cannot do this. Log in and try again.",
)
SECOND_FACTOR_NEEDED = Message(
    "second_factor_needed",
    "먼저 2단계 인증을 설정하세요: POST /users/me/mfa/totp. 설정한 뒤 토큰을 갱신하세요.",
    "Set up a second factor first: POST /users/me/mfa/totp. Then refresh the token.",
)
TOO_MANY_REQUESTS = Message(
    "too_many_requests",
    "1분에 {limit}개까지 요청할 수 있습니다. {retry_after}초 뒤에 다시 시도하세요.",
    "At most {limit} requests are allowed within a minute. Try again in {retry_after} s.",
)
KEYS_UNAVAILABLE = Message(
    "keys_unavailable",
    "토큰을 확인할 키를 가져올 수 없습니다. 잠시 후 다시 시도하세요.",
    "The keys that verify tokens cannot be fetched right now. Try again in a moment.",
)
CURSOR_INVALID = Message(
    "cursor_invalid",
    "cursor 값이 올바르지 않습니다. 앞 응답의 next_cursor를 그대로 보내거나 빼고 보내세요.",
    "The cursor is not valid. Send the `next_cursor` of the page before, or none.",
)
