"""What of a web page becomes text: what a browser would show."""

import time

import pytest

from ingest.adapters.parsers import html
from ingest.adapters.parsers.page import Refused

PAGE = """<!DOCTYPE html>
<html lang="ko"><head><title>학사 안내 | 학교</title><style>p {{}}</style><meta charset="{charset}"></head><body>
<!-- 주석 --><script>var 비밀 = 1;</script><noscript>스크립트를 켜세요</noscript>
<h1>학사  안내</h1><p>수강 <b>신청</b>은<br>3월 2일에&nbsp;시작한다.</p>
<div hidden>감춤 1</div><p style="color: red; DISPLAY : none">감춤 2</p><span aria-hidden="true">감춤 3</span>
<div>낱말<div>안쪽</div>뒤</div>
<ul><li>첫째<ul><li>안의 것</li></ul></li><li><p>둘째</p></li></ul>
<pre><code>def f():
    return 1
</code></pre>
<table><caption>표 1</caption><thead><tr><th>이름<th>점수</thead>
<tr><td rowspan="2">김<br>하나<td>90<tr><td><b>8</b>5</table>
</body></html>"""


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [("utf-8", "utf-8"), ("euc-kr", "cp949"), ("ks_c_5601-1987", "cp949"), ("", "cp949"), ("utf-8", "utf-16")],
)
def test_a_page_in_the_encodings_of_korean(read, outline, charset: str, encoding: str) -> None:
    (page,) = read(html.pages, PAGE.format(charset=charset).replace("안내", "안내 똠").encode(encoding))

    assert outline(page) == [
        ("heading", 1, "학사 안내 똠"),
        ("paragraph", "수강 신청은\n3월 2일에 시작한다."),
        ("paragraph", "낱말"),
        ("paragraph", "안쪽"),
        ("paragraph", "뒤"),
        ("item", "첫째"),
        ("item", "안의 것"),
        ("item", "둘째"),
        ("code", "def f():\n    return 1"),
        ("paragraph", "표 1"),
        ("header", "이름 | 점수"),
        ("row", "김 하나 | 90"),
        ("row", "김 하나 | 85"),
    ]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<title>제목</title><p>글", "제목\n\n글"),
        ("글만 있는 파일", "글만 있는 파일"),
        ("<table><tr><td><p>상자</p><p>글</td></tr></table>", "상자\n\n글"),
        ("<table><tr><td>틀<table><tr><td>1<td>2</table></table>", "틀\n\n1 | 2"),
        ("<table role=presentation><tr><td>왼쪽<td>오른쪽</table>", "왼쪽\n\n오른쪽"),
        ("<p>1 &lt; 2 &amp; 3 &#44032;", "1 < 2 & 3 가"),
        ("<table><tr><td rowspan=99999999999999 colspan=x>가<td>나<tr><td>다</table>", "가 | 나\n다"),
        ("<select><option>고름</select><textarea>입력</textarea><p>글", "글"),
        ("<template><p>틀</p></template><svg><text>그림</text></svg><p>글", "글"),
        ("<!DOCTYPE x [<!ENTITY a 'aaa'>]><p>&a;글", "]>\n\n&a;글"),
    ],
)
def test_odd_markup(read, markup: str, text: str) -> None:
    (page,) = read(html.pages, markup.encode())

    assert page.text == text


def test_deep_nesting_is_walked_without_recursion(read) -> None:
    (page,) = read(html.pages, ("<span>" * 5000 + "깊은 곳").encode())

    assert page.text == "깊은 곳"


def test_long_pages_are_cut_between_blocks(read) -> None:
    pages = read(html.pages, "".join(f"<h2>{n}장</h2><p>{'문장이다. ' * 60}</p>" for n in range(30)).encode())

    assert len(pages) > 3
    assert all(page.blocks[0].kind == "heading" and page.blocks[-1].kind == "paragraph" for page in pages)


@pytest.mark.parametrize("content", [b"", b"<!-- -->", b"<script>x</script>"])
def test_pages_without_text(read, content: bytes) -> None:
    assert read(html.pages, content) == []


def test_bytes_that_are_no_text(read) -> None:
    with pytest.raises(Refused, match=r"^text_undecodable$"):
        read(html.pages, b"<p>\xff\xff\xff")


@pytest.mark.parametrize("tag", ["<div>", "<ul><li>", '<SECTION class="a">', "<dl><dd>"])
def test_elements_in_elements_without_end_are_refused_at_once(read, tag: str) -> None:
    started = time.monotonic()
    with pytest.raises(Refused, match=r"^parse_limit$"):
        read(html.pages, (tag * 200_000 + "글").encode())
    assert time.monotonic() - started < 5, "parsing them takes minutes"


def test_many_elements_beside_one_another_are_none_too_deep(read, outline) -> None:
    markup = "<div><ul><li>글</li></ul></div>\n<p>" * 6_000
    assert sum(len(outline(page)) for page in read(html.pages, markup.encode())) == 6_000


def test_what_is_nested_as_a_page_builder_does_is_read(read, outline) -> None:
    (page,) = read(html.pages, ("<div>" * 1_000 + "글" + "</div>" * 1_000).encode())
    assert page.text == "글"
