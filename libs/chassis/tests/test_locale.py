import pytest

from chassis.errors import Locale
from chassis.locale import parse_accept_language


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "ko"),
        ("ko", "ko"),
        ("en", "en"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("ko;q=0.3, en;q=0.9", "en"),
        ("EN-gb", "en"),
        ("fr-FR,fr;q=0.9", "ko"),
        ("fr, en;q=0.1", "en"),
        ("*", "ko"),
        ("en;q=0, ko;q=0", "ko"),
        ("en;q=0, fr", "ko"),
        ("en;q=x, ko;q=0.1", "ko"),
        ("en;q=nan", "ko"),
        (";;;,,,q=;=", "ko"),
        ("fr," * 1000 + "en", "ko"),
    ],
)
def test_the_language_with_the_highest_weight(header: str, expected: str) -> None:
    assert parse_accept_language(header) is Locale(expected)
