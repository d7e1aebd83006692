"""What letters hold of the words of others."""

import pytest

from chassis.errors import Locale
from contracts.org_partner import Role
from org_partner.service import letters

HOSTILE = 'x"\r\nBcc: all@example.com\u2028지금\u202e 클릭\u0000하세요\t' + "가" * 500


def both(locale: Locale, name: str) -> list[letters.Letter]:
    link = {"link": "https://growfit.example/x", "days": 7}
    return [
        letters.invitation(locale, place=name, role=Role.INSTRUCTOR, token="t", **link),
        letters.class_invitation(locale, group=name, code="c", **link),
    ]


@pytest.mark.parametrize("locale", list(Locale))
def test_a_subject_is_the_same_whatever_the_place_is_called(locale) -> None:
    assert [each.subject for each in both(locale, HOSTILE)] == [each.subject for each in both(locale, "한빛")]


@pytest.mark.parametrize("locale", list(Locale))
def test_a_name_is_one_short_line_in_quotation_marks(locale) -> None:
    for letter, plain in zip(both(locale, HOSTILE), both(locale, "한빛"), strict=True):
        _, name, _ = letter.text.split('"')
        assert name.startswith("x' Bcc: all@example.com 지금 클릭 하세요 가")
        assert (len(name), name[-1]) == (60, "…")
        assert '"한빛"' in plain.text
        assert len(letter.text.splitlines()) == len(plain.text.splitlines())


def test_an_ordinary_name_stays_as_it_is() -> None:
    for name in ("한빛 학원", "가" * 60, "O'Neill's {class} 100%"):
        for letter in both(Locale.EN, name):
            assert f'"{name}"' in letter.text
