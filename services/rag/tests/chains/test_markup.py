"""The two steps that make an answer safe to show, as an answer goes through them: markup, then addresses."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.chains.addresses import SafeAddresses
from rag.chains.markup import SafeMarkup

N = "(링크 삭제)"


def shown(*parts: str) -> str:
    markup, addresses = SafeMarkup(), SafeAddresses(notice=N)
    texts = [piece for part in parts for piece in markup.feed(part)] + list(markup.finish())
    return (
        "".join(addresses.feed(f"«{','.join(map(str, p.numbers))}»" if p.numbers else p.text) for p in texts)
        + addresses.finish()
    )


TABLE = [
    ("평범한 글입니다.", "평범한 글입니다."),
    ("a < b, c > d, x <= y, 1 <2, 가<나", "a < b, c > d, x <= y, 1 <2, 가<나"),
    ("x <y and y> z", "x < y and y> z"),
    ("std::vector<int> v; #include <stdio.h>", "std::vector<int> v; #include <stdio.h>"),
    ("items[i] = [1.5, 2.5] // ok", "items[i] = [1.5, 2.5] // ok"),
    ("놀라워요! [참고]", "놀라워요! [참고]"),
    ("문의: privacy@byeolmuri.example 로", "문의: privacy@byeolmuri.example 로"),
    ("3:4 비율, 12:30 시작, and/or, a//b", "3:4 비율, 12:30 시작, and/or, a//b"),
    ("![로고](https://evil.example/a.png?q=비밀)", "로고"),
    ("![](//evil.example/a.png)끝", " 끝"),
    ("![x](data:image/png;base64,AAAA)", "x"),
    ("[여기](https://evil.example/?q=a_(b))를 보세요", "여기를 보세요"),
    ("[[여기]](javascript:alert(1))", "여기"),
    ("[![alt](https://evil.example/i.png)](https://evil.example)", "alt"),
    ("주소는https://evil.example/x에서", f"주소는{N}에서"),
    ("(https://evil.example/x).", f"({N})."),
    ("see www.evil.example/?d=1, now", f"see {N}, now"),
    ("see //evil.example/x now", f"see {N} now"),
    ("<https://evil.example>", f"< {N}>"),
    ("<javascript:alert(1)> <std::string>", "< javascript:alert(1)> < std::string>"),
    ('<img src="https://evil.example/a.png">끝', " 끝"),
    ("<IMG\nSRC=//evil.example/a>끝", " 끝"),
    ("<script>x</script>", " x "),
    ('<div style="background:url(https://evil.example)">글</div>', " 글</div>"),
    ('<a href="/x">글</a>', " 글 "),
    ("[ref]: https://evil.example/x", f"[ref] : {N}"),
    ("![alt][ref]\n[ref]: //evil.example", f"[alt][ref]\n[ref] : {N}"),
    ("답입니다. [1]", "답입니다. «1»"),
    ("답입니다.[1][2]", "답입니다.«1»«2»"),
    ("답 [1, 3]", "답 «1,3»"),
    ("답 [문서 2] 그리고 [document 3]", "답 «2» 그리고 «3»"),
    ("[1](https://evil.example)", "«1»"),
    ("https://evil.example/a[1]", f"{N}«1»"),
    ("[2021] [abc]", "[2021] [abc]"),
    ("닫히지 않은 [괄호", "닫히지 않은 [괄호"),
    ("닫히지 않은 ![그림](https://evil.example/a", f"닫히지 않은 그림{N}"),
    ("끝!", "끝!"),
    ("끝 <", "끝 <"),
    ("", ""),
]

# What would become a link, an image or a tag only once something between its parts was taken out.
JOINS = [
    "https:<img>//evil.example",
    "https:[/](x)/evil.example",
    "https:![](x)//evil.example",
    "ht[tps](x)://evil.example",
    "!<img>[a]<img>(/\\evil.example/x)",
    "[a][(/\\evil.example)](x)",
    "![a][ ](x)(/\\evil.example)",
    "<[img](x) src=/\\evil.example>",
    "<im[g](x) src=/\\evil.example>",
    "<i<img>mg src=/\\evil.example>",
    "[x <img src=/\\evil.example ]>",
    "[<](x)img src=/\\evil.example>",
    "![<<img ]src=/\\evil.example>",
    "<div [style](x)=background:url(/\\evil.example)>",
]


@pytest.mark.parametrize(("written", "safe"), TABLE)
def test_what_is_shown(written: str, safe: str) -> None:
    assert shown(written) == safe


@pytest.mark.parametrize("written", [*(written for written, _ in TABLE), *JOINS])
def test_where_the_stream_is_cut_makes_no_difference(written: str) -> None:
    assert shown(*written) == shown(written)
    for cut in range(len(written)):
        assert shown(written[:cut], written[cut:]) == shown(written)


def is_safe(text: str) -> bool:
    return (
        re.search(
            r"\](\(|:)|://\w|(?<![a-z0-9])www\.\w|<[a-z][\w.+-]*:[^\s<>]*>|<(img|script|a|div)\b[^>]*>|<[a-z][^>]*=[^>]*>",
            text,
        )
        is None
    )


@pytest.mark.parametrize("written", JOINS)
def test_what_is_taken_out_joins_nothing(written: str) -> None:
    assert is_safe(shown(written)), shown(written)


PARTS = ["[", "]", "(", ")", "!", "<", ">", "/", ":", ".", "=", "http", "https://", "//e.com", "www.", "e.com", "img"]
MORE = ["<img ", "src=", " ", "가", "1", "a", "\n", "[1]"]


@given(st.lists(st.sampled_from([*PARTS, *MORE]), max_size=16))
def test_any_mixture_is_safe_and_cut_proof(parts: list[str]) -> None:
    whole = shown("".join(parts))

    assert shown(*parts) == whole
    assert shown(*"".join(parts)) == whole
    assert is_safe(whole), whole


def test_plain_text_is_not_held_back() -> None:
    markup, addresses = SafeMarkup(), SafeAddresses(notice=N)

    assert [piece.text for piece in markup.feed("안녕하세요. 첫 문장 ")] == ["안녕하세요. 첫 문장 "]
    assert addresses.feed("안녕하세요. 첫 문장 ") == "안녕하세요. 첫 문장 "
    assert addresses.feed("the first words") == "the first "
    assert addresses.feed(" of") == "words "
    assert [piece.numbers for part in ("[", "1", "]", " ") for piece in markup.feed(part)] == [(1,), ()]


@pytest.mark.parametrize("opening", ["[", "![", "[a](", "<img "])
def test_what_never_closes_is_let_go_and_links_nothing(opening: str) -> None:
    filler = "가 " * 700

    assert len(shown(opening, filler)) > 1_000
    text = shown(opening, *filler, "](/\\evil.example) src=/\\evil.example>")
    assert is_safe(text)
    assert opening not in text


def test_deep_nesting_costs_no_stack() -> None:
    assert "a" in shown("[" * 5_000 + "a" + "]" * 5_000)
    assert is_safe(shown("![" * 300 + "](http://x)" * 300))
