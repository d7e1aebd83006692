"""What identity can answer besides success; see `chassis.errors` for the kinds."""

from chassis.errors import Message

EMAIL_TAKEN = Message(
    "email_taken",
    "이미 가입된 이메일입니다. 로그인하거나 다른 이메일을 쓰세요.",
    "This e-mail address has an account already. Log in, or use another address.",
)
PASSWORD_UNFIT = Message(
    "password_unfit",
    "비밀번호에 이메일 주소나 한 글자의 반복을 쓸 수 없습니다. 다른 비밀번호를 정하세요.",
    "The password must not be the e-mail address or one repeated character. Choose another one.",
)
LOGIN_REFUSED = Message(
    "login_refused",
    "이메일 또는 비밀번호가 맞지 않습니다.",
    "The e-mail address or the password is not right.",
)
REFRESH_REFUSED = Message(
    "refresh_refused",
    "갱신 토큰이 올바르지 않거나 만료되었습니다. 다시 로그인하세요.",
    "The refresh token is not valid or has expired. Log in again.",
)
USER_NOT_FOUND = Message("user_not_found", "사용자를 찾을 수 없습니다.", "There is no such user.")
TOO_MANY_LOGINS = Message(
    "too_many_logins",
    "지금 로그인 요청이 너무 많습니다. 잠시 후 다시 시도하세요.",
    "Too many logins are being checked right now. Try again in a moment.",
)
SERVICE_DOWN = Message(
    "service_down",
    "이 기능을 잠시 사용할 수 없습니다. 몇 초 후 다시 시도하세요.",
    "This part of the service cannot be reached right now. Try again in a few seconds.",
)
SUPERVISOR_ONLY = Message(
    "supervisor_only",
    "플랫폼 관리자만 할 수 있습니다. 플랫폼 관리자에게 요청하세요.",
    "Only a supervisor of the platform may do this. Ask one of them.",
)
LAST_SUPERVISOR = Message(
    "last_supervisor",
    "마지막 플랫폼 관리자입니다. 다른 관리자를 먼저 정하세요.",
    "This is the last supervisor of the platform. Make somebody else one first.",
)
