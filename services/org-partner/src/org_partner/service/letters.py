"""The letters that org-partner writes, as plain text in the language that the inviter chose.

Of what people wrote they hold the names of the org, the partner and the class alone, short and in quotation marks, and
never in the subject: else anybody could have the platform write their own words to strangers. The token stands beside
its link, so that it can be typed into any client of the API.
"""

import unicodedata
from dataclasses import dataclass

from chassis.errors import Locale
from contracts.org_partner import Role

_ROLES = {
    Role.ORG_ADMIN: ("조직 관리자", "an administrator of the org"),
    Role.PARTNER_OWNER: ("파트너 소유자", "an owner of the partner"),
    Role.INSTRUCTOR: ("강사", "an instructor"),
    Role.ASSISTANT: ("조교", "an assistant"),
}

_KO = """안녕하세요.

"{place}"에서 {role}(으)로 함께하자고 초대했습니다.

1. 이 이메일 주소로 GrowFit에 로그인하세요. 아직 계정이 없으면 먼저 가입하세요.
   초대가 있어야 가입된다면 아래 토큰을 쓰세요.
2. 아래 링크를 열어 초대를 수락하세요. {days}일 동안 한 번만 쓸 수 있습니다.

{link}

토큰을 직접 입력하려면: {token}

모르는 초대라면 이 편지를 무시하세요.
"""

_EN = """Hello,

"{place}" invites you to join as {role}.

1. Log in to GrowFit with this e-mail address. If you have no account yet, sign up first; where
   that takes an invitation, give the token below.
2. Open the link below to accept. It works once, within {days} days.

{link}

To enter the token yourself: {token}

If you do not know what this is about, ignore this letter.
"""


_CLASS_KO = """안녕하세요.

"{group}" 강의에 초대합니다.

1. GrowFit에 로그인하세요. 아직 계정이 없으면 이 이메일 주소로 먼저 가입하세요.
   초대가 있어야 가입된다면 아래 초대 코드를 쓰세요.
2. 아래 링크를 열거나 초대 코드를 입력하면 수강 등록됩니다. {days}일 동안 한 번만 쓸 수 있습니다.

{link}

초대 코드: {code}

모르는 초대라면 이 편지를 무시하세요.
"""

_CLASS_EN = """Hello,

You are invited to the class "{group}".

1. Log in to GrowFit. If you have no account yet, sign up with this e-mail address first; where that takes
   an invitation, give the invite code below.
2. Open the link below or enter the invite code to enrol. It works once, within {days} days.

{link}

Invite code: {code}

If you do not know what this is about, ignore this letter.
"""

_NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str


def invitation(locale: Locale, *, place: str, role: Role, link: str, token: str, days: int) -> Letter:
    ko, en = _ROLES[role]
    facts = {"place": _name(place), "link": link, "token": token, "days": days}
    if locale is Locale.KO:
        return Letter("[GrowFit] 초대장이 도착했습니다", _KO.format(role=ko, **facts))
    return Letter("[GrowFit] You have an invitation", _EN.format(role=en, **facts))


def class_invitation(locale: Locale, *, group: str, link: str, code: str, days: int) -> Letter:
    facts = {"group": _name(group), "link": link, "code": code, "days": days}
    if locale is Locale.KO:
        return Letter("[GrowFit] 강의에 초대합니다", _CLASS_KO.format(**facts))
    return Letter("[GrowFit] You are invited to a class", _CLASS_EN.format(**facts))


def _name(written: str) -> str:
    """On one line, at most 60 characters long, and with no mark that could end the quotation or turn what follows."""
    plain = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in written)
    line = " ".join(plain.replace('"', "'").split())
    return line if len(line) <= _NAME_LENGTH else f"{line[: _NAME_LENGTH - 1].rstrip()}…"
