"""What identity can answer besides success; see `chassis.errors` for the kinds."""

from chassis.errors import Message

EMAIL_TAKEN = Message(
    "email_taken",
    "이미 가입된 이메일입니다. 로그인하거나 다른 이메일을 쓰세요.",
    "This e-mail address has an account already. Log in, or use another address.",
)
PASSWORD_UNFIT = Message(
    "password_unfit",
    "비밀번호에 이메일 주소, 한 글자의 반복, 널리 쓰이는 비밀번호는 쓸 수 없습니다. 다른 비밀번호를 정하세요.",
    "The password must not be the e-mail address, one repeated character or one that many people use. "
    "Choose another one.",
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
TOO_MANY_TRIES = Message(
    "too_many_tries",
    "너무 많이 시도했습니다. {retry_after}초 뒤에 다시 시도하세요.",
    "There were too many tries. Try again in {retry_after} s.",
)
EMAIL_UNVERIFIED = Message(
    "email_unverified",
    "이메일 주소를 먼저 확인하세요. 받은 편지의 링크를 열거나, 편지를 다시 요청하세요.",
    "Verify your e-mail address first: open the link in the letter, or ask for another letter.",
)
LINK_INVALID = Message(
    "link_invalid",
    "링크가 올바르지 않거나 만료되었거나 이미 쓰였습니다. 새 편지를 요청하세요.",
    "The link is not valid, has expired or was used already. Ask for another letter.",
)
PASSWORD_TOO_SHORT = Message(
    "password_too_short",
    "비밀번호는 {least}자 이상이어야 합니다.",
    "The password must have at least {least} characters.",
)
PASSWORD_WRONG = Message(
    "password_wrong",
    "지금 쓰는 비밀번호가 맞지 않습니다. 다시 입력하세요.",
    "That is not your present password. Enter it again.",
)
PASSWORD_NEEDED = Message(
    "password_needed",
    "지금 쓰는 비밀번호를 password에 넣어 다시 보내세요.",
    "Send it again with your present password in `password`.",
)
SIGN_UP_CLOSED = Message(
    "sign_up_closed",
    "지금은 새로 가입할 수 없습니다. 플랫폼 관리자에게 문의하세요.",
    "Nobody can sign up at present. Ask a supervisor of the platform.",
)
INVITATION_NEEDED = Message(
    "invitation_needed",
    "초대받은 사람만 가입할 수 있습니다. 초대 편지의 토큰을 함께 보내세요.",
    "Only invited people can sign up. Send the token of your invitation as well.",
)
INVITATION_INVALID = Message(
    "invitation_invalid",
    "초대가 이 이메일 주소의 것이 아니거나 만료되었거나 이미 쓰였습니다. 새 초대를 요청하세요.",
    "The invitation is not for this address, has expired or was used already. Ask for a new one.",
)
INVITATION_NOT_FOUND = Message("invitation_not_found", "초대를 찾을 수 없습니다.", "There is no such invitation.")
SESSION_NOT_FOUND = Message(
    "session_not_found", "로그인 세션을 찾을 수 없습니다.", "There is no such session among yours."
)
NO_SUCH_ACCOUNT = Message(
    "no_such_account",
    "이 이메일 주소로 로그인할 수 있는 계정이 없습니다. 주소를 확인하세요.",
    "No account that may log in has this address. Check the address.",
)
MFA_TOKEN_INVALID = Message(
    "mfa_token_invalid",
    "2단계 인증 시간이 지났거나 이미 끝난 로그인입니다. 처음부터 다시 로그인하세요.",
    "This login's second step has expired or is over. Log in again from the start.",
)
MFA_CODE_WRONG = Message(
    "mfa_code_wrong",
    "인증 코드가 맞지 않거나 이미 쓰였습니다. 인증 앱의 새 코드나 복구 코드를 입력하세요.",
    "The code is not right or was used already. Enter a new code of the app, or a recovery code.",
)
MFA_ENABLED = Message(
    "mfa_enabled",
    "2단계 인증을 이미 쓰고 있습니다. 인증 앱을 바꾸려면 먼저 해제하세요.",
    "A second factor is set up already. Remove it first to use another app.",
)
MFA_NOT_STARTED = Message(
    "mfa_not_started",
    "확인할 인증 앱이 없습니다. POST /users/me/mfa/totp로 다시 시작하세요.",
    "There is nothing to confirm. Start again with POST /users/me/mfa/totp.",
)
MFA_NOT_ENABLED = Message(
    "mfa_not_enabled",
    "2단계 인증을 쓰고 있지 않습니다. 먼저 설정하세요.",
    "No second factor is set up. Set one up first.",
)
API_KEY_NOT_FOUND = Message("api_key_not_found", "API 키를 찾을 수 없습니다.", "There is no such API key among yours.")
API_KEY_NAME_TAKEN = Message(
    "api_key_name_taken",
    "같은 이름의 API 키를 쓰고 있습니다. 다른 이름을 쓰거나, 그 키를 교체(rotate)하세요.",
    "An active API key has this name. Choose another one, or rotate that key.",
)
API_KEY_ROTATING = Message(
    "api_key_rotating",
    "이 이름의 키가 이미 두 개입니다. 먼저 것이 끝나기를 기다리거나 하나를 폐기하세요.",
    "There are two keys of this name already. Wait for the older one's end, or revoke one of them.",
)
API_KEY_ENDED = Message(
    "api_key_ended",
    "만료되었거나 폐기된 키는 교체할 수 없습니다. 새 키를 만드세요.",
    "A key that has expired or was revoked cannot be rotated. Make a new one.",
)
API_KEYS_FULL = Message(
    "api_keys_full",
    "API 키는 {limit}개까지 쓸 수 있습니다. 쓰지 않는 키를 먼저 폐기하세요.",
    "At most {limit} API keys can be active. Revoke one that you do not need.",
)
EMAIL_UNCHANGED = Message(
    "email_unchanged",
    "이미 쓰고 있는 이메일 주소입니다. 다른 주소를 입력하세요.",
    "That is your address already. Enter another one.",
)
SETTING_NOT_FOUND = Message(
    "setting_not_found",
    "그런 설정이 없습니다. GET /platform-settings에서 이름을 확인하세요.",
    "There is no such setting. See the names in GET /platform-settings.",
)
SETTING_OUTDATED = Message(
    "setting_outdated",
    "그 사이에 설정이 바뀌었습니다(보낸 버전 {version}, 지금 버전 {current_version}). 다시 읽은 뒤 바꾸세요.",
    "The setting has changed meanwhile (you sent version {version}, it is {current_version}). Read it again first.",
)
SETTING_NEEDS_YOUR_FACTOR = Message(
    "setting_needs_your_factor",
    "먼저 본인의 2단계 인증을 설정하세요. 그렇지 않으면 본인도 로그인할 수 없습니다.",
    "Set up your own second factor first, or you would lock yourself out.",
)
SETTING_NEEDS_YOUR_EMAIL = Message(
    "setting_needs_your_email",
    "먼저 본인의 이메일 주소를 확인하세요. 그렇지 않으면 본인도 로그인할 수 없습니다.",
    "Verify your own e-mail address first, or you would lock yourself out.",
)
OIDC_PROVIDER_NOT_FOUND = Message(
    "oidc_provider_not_found",
    "이 이름의 로그인 제공자가 없습니다. GET /auth/oidc/providers에서 고르세요.",
    "There is no login provider of this name. Choose one of GET /auth/oidc/providers.",
)
OIDC_PROVIDER_DOWN = Message(
    "oidc_provider_down",
    "지금 {provider}에 연결할 수 없습니다. 잠시 후 처음부터 다시 로그인하거나, 다른 방법으로 로그인하세요.",
    "{provider} cannot be reached right now. Log in again from the start in a moment, or in another way.",
)
OIDC_STATE_INVALID = Message(
    "oidc_state_invalid",
    "이 브라우저에서 시작한 로그인이 아니거나, 이미 끝났거나, 시간이 지났습니다. 처음부터 다시 로그인하세요.",
    "This login was not begun in this browser, is over or has expired. Log in again from the start.",
)
OIDC_REFUSED = Message(
    "oidc_refused",
    "로그인 제공자가 이 로그인을 확인해 주지 않았습니다. 처음부터 다시 로그인하세요.",
    "The login provider did not confirm this login. Log in again from the start.",
)
OIDC_EMAIL_UNVERIFIED = Message(
    "oidc_email_unverified",
    "로그인 제공자가 이메일 주소를 확인하지 않았습니다. 그곳에서 주소를 확인한 뒤 다시 로그인하세요.",
    "The login provider has not verified your e-mail address. Verify it there, then log in again.",
)
OIDC_ADDRESS_UNVERIFIED = Message(
    "oidc_address_unverified",
    "이 이메일 주소의 계정이 있지만 아직 주소를 확인하지 않았습니다. "
    "비밀번호로 로그인해 주소를 확인한 뒤 다시 시도하세요.",
    "An account has this e-mail address, but has not verified it. Log in with its password, verify the address, "
    "then try again.",
)
OIDC_NOT_INVITED = Message(
    "oidc_not_invited",
    "초대받은 이메일 주소로만 가입할 수 있습니다. 플랫폼 관리자에게 초대를 요청하세요.",
    "Only invited e-mail addresses can sign up. Ask a supervisor of the platform for an invitation.",
)
ACCOUNT_NOT_ACTIVE = Message(
    "account_not_active",
    "정지되었거나 닫힌 계정입니다. 플랫폼 관리자에게 문의하세요.",
    "This account is suspended or closed. Ask a supervisor of the platform.",
)
REDIRECT_URI_INVALID = Message(
    "redirect_uri_invalid",
    "redirect_uri는 {public_url} 아래의 주소여야 합니다. 고치거나 빼고 보내세요.",
    "The redirect_uri must be an address below {public_url}. Mend it, or send none.",
)
IDENTITY_NOT_FOUND = Message(
    "identity_not_found", "연결된 로그인을 찾을 수 없습니다.", "There is no such linked login among yours."
)
LAST_WAY_IN = Message(
    "last_way_in",
    "이것을 끊으면 로그인할 방법이 없습니다. 먼저 비밀번호를 정하세요(비밀번호 재설정).",
    "Without this one you could not log in any more. Set a password first, with a password reset.",
)
NOT_TO_YOURSELF = Message(
    "not_to_yourself",
    "본인 계정에는 할 수 없습니다. 다른 플랫폼 관리자에게 요청하세요.",
    "Nobody can do this to their own account. Ask another supervisor.",
)
USER_ANONYMISED = Message(
    "user_anonymised",
    "익명화된 계정입니다. 되돌릴 수 없습니다.",
    "The account has been anonymised. That cannot be undone.",
)
USER_NOT_ANONYMISED = Message(
    "user_not_anonymised",
    "익명화된 계정이 아니어서 삭제 보고가 없습니다.",
    "The account has not been anonymised, so nothing of it was erased.",
)
CONFIRMATION_WRONG = Message(
    "confirmation_wrong",
    "confirm이 이 계정의 이메일 주소와 다릅니다. 어느 계정인지 다시 확인하세요.",
    "`confirm` is not this account's e-mail address. Check which account you mean.",
)
