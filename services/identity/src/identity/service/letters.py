"""The letters that identity writes, as plain text in the reader's language.

Nothing in them is chosen by whoever asked for them, a name least of all: a letter of ours must not carry the words of
a stranger. The token stands beside its link, so that it can be typed into any client of the API.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Locale
from chassis.mail import MailQueue
from identity.models import User
from identity.service import account_tokens
from identity.service.account_tokens import HOURS, Purpose


class Kind(StrEnum):
    VERIFY_EMAIL = "verify_email"
    CHANGE_EMAIL = "change_email"
    EMAIL_CHANGING = "email_changing"
    ADDRESS_IN_USE = "address_in_use"
    RESET_PASSWORD = "reset_password"  # noqa: S105  the name of a letter
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  the name of a letter
    PASSWORD_RESET = "password_was_reset"  # noqa: S105  the name of a letter
    ACCOUNT_RECLAIMED = "account_reclaimed"
    INVITATION = "invitation"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    RECOVERY_CODE_USED = "recovery_code_used"
    IDENTITY_LINKED = "identity_linked"


@dataclass(frozen=True)
class _Letter:
    subject: str
    text: str


_KO = {
    Kind.VERIFY_EMAIL: _Letter(
        "[GrowFit] 이메일 주소를 확인하세요",
        "GrowFit에 가입해 주셔서 고맙습니다. {hours}시간 안에 아래 링크를 열어 이메일 주소를 확인하세요.\n\n"
        "{link}\n\n토큰을 직접 입력하려면: {token}\n\n가입한 적이 없다면 이 편지를 무시하세요.\n",
    ),
    Kind.CHANGE_EMAIL: _Letter(
        "[GrowFit] 새 이메일 주소를 확인하세요",
        "이 주소를 GrowFit 계정의 새 이메일 주소로 쓰려면 {hours}시간 안에 아래 링크를 여세요.\n\n"
        "{link}\n\n토큰을 직접 입력하려면: {token}\n\n요청한 적이 없다면 이 편지를 무시하세요.\n",
    ),
    Kind.EMAIL_CHANGING: _Letter(
        "[GrowFit] 이메일 주소를 바꾸려는 요청이 있었습니다",
        "이 주소로 가입한 GrowFit 계정의 이메일 주소를 바꾸려는 요청이 있었습니다. 새 주소를 확인하면 바뀝니다.\n\n"
        "요청한 적이 없다면 지금 비밀번호를 바꾸세요. 그러면 이 요청도 없던 일이 됩니다.\n",
    ),
    Kind.ADDRESS_IN_USE: _Letter(
        "[GrowFit] 이 주소에는 이미 계정이 있습니다",
        "이 주소를 다른 GrowFit 계정의 이메일 주소로 쓰려는 요청이 있었지만, 이 주소에는 이미 계정이 있습니다.\n\n"
        "아무것도 바뀌지 않았습니다. 요청한 적이 없다면 이 편지를 무시하세요.\n",
    ),
    Kind.RESET_PASSWORD: _Letter(
        "[GrowFit] 새 비밀번호를 정하세요",
        "{hours}시간 안에 아래 링크를 열어 새 비밀번호를 정하세요. 한 번만 쓸 수 있습니다.\n\n"
        "{link}\n\n토큰을 직접 입력하려면: {token}\n\n"
        "요청한 적이 없다면 이 편지를 무시하세요. 비밀번호는 그대로입니다.\n",
    ),
    Kind.PASSWORD_CHANGED: _Letter(
        "[GrowFit] 비밀번호가 바뀌었습니다",
        "GrowFit 계정의 비밀번호가 바뀌었고, 다른 모든 로그인이 끝났습니다.\n\n"
        "직접 바꾸지 않았다면 지금 비밀번호 재설정을 요청하고 운영자에게 알리세요.\n",
    ),
    Kind.PASSWORD_RESET: _Letter(
        "[GrowFit] 비밀번호가 바뀌었습니다",
        "이 주소로 보낸 편지로 GrowFit 계정의 비밀번호를 새로 정했습니다. 모든 로그인이 끝났고, 모든 API 키가 "
        "폐기되었습니다. 쓰던 프로그램이 있으면 새 키를 만드세요.\n\n"
        "직접 바꾸지 않았다면 지금 비밀번호 재설정을 요청하고 운영자에게 알리세요.\n",
    ),
    Kind.ACCOUNT_RECLAIMED: _Letter(
        "[GrowFit] 비밀번호가 바뀌었습니다",
        "이 주소로 보낸 편지로 GrowFit 계정의 비밀번호를 새로 정했고, 이메일 주소가 처음으로 확인되었습니다. "
        "그 전에는 누구나 이 주소로 계정을 만들 수 있었으므로 모든 로그인, API 키, 2단계 인증, 복구 코드, "
        "연결된 다른 로그인을 없앴습니다. 필요하면 다시 설정하세요.\n\n"
        "직접 바꾸지 않았다면 지금 비밀번호 재설정을 요청하고 운영자에게 알리세요.\n",
    ),
    Kind.INVITATION: _Letter(
        "[GrowFit] 가입 초대",
        "GrowFit에 초대받으셨습니다. {days}일 안에 아래 링크를 열어 이 이메일 주소로 가입하세요.\n\n"
        "{link}\n\n토큰을 직접 입력하려면: {token}\n",
    ),
    Kind.FACTOR_ADDED: _Letter(
        "[GrowFit] 2단계 인증이 설정되었습니다",
        "GrowFit 계정에 인증 앱이 연결되었습니다. 이제 로그인할 때마다 앱의 코드를 묻습니다.\n\n"
        "직접 설정하지 않았다면 지금 비밀번호를 바꾸고 운영자에게 알리세요.\n",
    ),
    Kind.FACTOR_REMOVED: _Letter(
        "[GrowFit] 2단계 인증이 해제되었습니다",
        "GrowFit 계정의 2단계 인증이 해제되었습니다. 이제 비밀번호만으로 로그인할 수 있습니다.\n\n"
        "직접 해제하지 않았다면 지금 비밀번호를 바꾸고 운영자에게 알리세요.\n",
    ),
    Kind.RECOVERY_CODE_USED: _Letter(
        "[GrowFit] 복구 코드로 로그인했습니다",
        "누군가 복구 코드로 GrowFit 계정에 로그인했습니다. 그 코드는 다시 쓸 수 없습니다.\n\n"
        "직접 로그인하지 않았다면 지금 비밀번호를 바꾸고 운영자에게 알리세요.\n",
    ),
    Kind.IDENTITY_LINKED: _Letter(
        "[GrowFit] 다른 로그인이 연결되었습니다",
        "같은 이메일 주소를 쓰는 다른 곳의 계정이 GrowFit 계정에 연결되었습니다. "
        "이제 그 계정으로도 로그인할 수 있습니다.\n\n"
        "직접 로그인하지 않았다면 내 계정에서 연결을 끊고 운영자에게 알리세요.\n",
    ),
}

_EN = {
    Kind.VERIFY_EMAIL: _Letter(
        "[GrowFit] Verify your e-mail address",
        "Thank you for signing up to GrowFit. Open this link within {hours} hours to verify your e-mail address.\n\n"
        "{link}\n\nTo enter the token yourself: {token}\n\nIf you did not sign up, ignore this letter.\n",
    ),
    Kind.CHANGE_EMAIL: _Letter(
        "[GrowFit] Verify your new e-mail address",
        "To use this address for your GrowFit account, open this link within {hours} hours.\n\n"
        "{link}\n\nTo enter the token yourself: {token}\n\nIf you did not ask for this, ignore this letter.\n",
    ),
    Kind.EMAIL_CHANGING: _Letter(
        "[GrowFit] Somebody asked to change your e-mail address",
        "Somebody asked to change the e-mail address of the GrowFit account that has this one. It changes as soon as "
        "the new address is verified.\n\n"
        "If it was not you, change your password now. That undoes the request as well.\n",
    ),
    Kind.ADDRESS_IN_USE: _Letter(
        "[GrowFit] This address has an account already",
        "Somebody asked to use this address for another GrowFit account, but it has an account already.\n\n"
        "Nothing was changed. If it was not you, ignore this letter.\n",
    ),
    Kind.RESET_PASSWORD: _Letter(
        "[GrowFit] Choose a new password",
        "Open this link within {hours} hour to choose a new password. It works once.\n\n"
        "{link}\n\nTo enter the token yourself: {token}\n\n"
        "If you did not ask for this, ignore this letter. Your password stays as it is.\n",
    ),
    Kind.PASSWORD_CHANGED: _Letter(
        "[GrowFit] Your password was changed",
        "The password of your GrowFit account was changed, and all other sessions have ended.\n\n"
        "If it was not you, ask for a password reset now and tell the operator.\n",
    ),
    Kind.PASSWORD_RESET: _Letter(
        "[GrowFit] Your password was changed",
        "A new password was chosen for your GrowFit account with a letter to this address. All sessions have ended, "
        "and all API keys are revoked. If a program used one, make a new one.\n\n"
        "If it was not you, ask for a password reset now and tell the operator.\n",
    ),
    Kind.ACCOUNT_RECLAIMED: _Letter(
        "[GrowFit] Your password was changed",
        "A new password was chosen for your GrowFit account with a letter to this address, which verified the address "
        "for the first time. Until then anybody could have made the account, so all sessions, API keys, the second "
        "factor, its recovery codes and linked logins were removed. Set up again what you need.\n\n"
        "If it was not you, ask for a password reset now and tell the operator.\n",
    ),
    Kind.INVITATION: _Letter(
        "[GrowFit] You are invited",
        "You are invited to GrowFit. Open this link within {days} days and sign up with this e-mail address.\n\n"
        "{link}\n\nTo enter the token yourself: {token}\n",
    ),
    Kind.FACTOR_ADDED: _Letter(
        "[GrowFit] A second factor was set up",
        "An authenticator app was linked to your GrowFit account. From now on every login asks for a code of it.\n\n"
        "If it was not you, change your password now and tell the operator.\n",
    ),
    Kind.FACTOR_REMOVED: _Letter(
        "[GrowFit] Your second factor was removed",
        "The second factor of your GrowFit account was removed. From now on the password alone is enough.\n\n"
        "If it was not you, change your password now and tell the operator.\n",
    ),
    Kind.RECOVERY_CODE_USED: _Letter(
        "[GrowFit] Somebody logged in with a recovery code",
        "Somebody logged in to your GrowFit account with a recovery code. That code cannot be used again.\n\n"
        "If it was not you, change your password now and tell the operator.\n",
    ),
    Kind.IDENTITY_LINKED: _Letter(
        "[GrowFit] Another login was linked",
        "An account elsewhere that has the same e-mail address was linked to your GrowFit account. From now on you can "
        "log in with it too.\n\nIf it was not you, unlink it in your account and tell the operator.\n",
    ),
}

# Behind the #, so that no server and no log on the way sees the token.
_PAGES = {
    Kind.VERIFY_EMAIL: "verify-email#token=",
    Kind.CHANGE_EMAIL: "verify-email#token=",
    Kind.RESET_PASSWORD: "reset-password#token=",
    Kind.INVITATION: "sign-up#invitation=",
}


class Letters:
    def __init__(self, queue: MailQueue, *, public_url: str) -> None:
        self._queue = queue
        self._public_url = public_url.rstrip("/")

    async def put_token(self, session: AsyncSession, user: User | None, purpose: Purpose, *, to: str) -> None:
        """A new token for the user, in a letter to an address that need not be theirs yet.

        `user` None: the same work for nobody, so that its time does not tell who has an account.
        """
        kind, hours = Kind(purpose.value), HOURS[purpose]
        async with session.begin_nested() as work:
            token = await account_tokens.issue(session, user, purpose, email=to) if user else account_tokens.new()
            locale = user.locale if user else Locale.KO
            await self.put(session, kind, to=to, locale=locale, token=token, hours=hours)
            if user is None:
                await work.rollback()

    async def put(
        self, session: AsyncSession, kind: Kind, *, to: str, locale: str, token: str = "", hours: int = 0
    ) -> None:
        """In the caller's transaction; sent once that is committed."""
        letter = (_EN if locale == Locale.EN else _KO)[kind]
        link = f"{self._public_url}/{_PAGES[kind]}{token}" if kind in _PAGES else ""
        text = letter.text.format(link=link, token=token, hours=hours, days=hours // 24)
        await self._queue.put(session, to=to, subject=letter.subject, text=text)
