"""Markdown: its blocks without its marks."""

import growfit_documents as documents
import pytest

from ingest.adapters.parsers import markdown

SOURCE = """---
title: 안내
---
# 큰 *제목*

문단의 **굵은** 글과 [링크](https://example.org)
둘째 줄 &amp; `코드`

작은 제목
---------

1. 하나
2. 둘
   - 안쪽

| 이름 | 점수 |
|------|:----:|
| 김하나 | 90 |

```python
x = 1

y = 2
```

> 인용
<!-- 주석 --><script>x()</script>
"""


@pytest.mark.parametrize(("encoding", "end"), [("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("cp949", "\n")])
def test_blocks_of_markdown(read, outline, encoding: str, end: str) -> None:
    (page,) = read(markdown.pages, SOURCE.replace("\n", end).encode(encoding))

    assert outline(page) == [
        ("paragraph", "title: 안내"),
        ("heading", 1, "큰 제목"),
        ("paragraph", "문단의 굵은 글과 링크\n둘째 줄 & 코드"),
        ("heading", 2, "작은 제목"),
        ("item", "하나"),
        ("item", "둘"),
        ("item", "안쪽"),
        ("header", "이름 | 점수"),
        ("row", "김하나 | 90"),
        ("code", "x = 1\n\ny = 2"),
        ("paragraph", "인용"),
    ]


def test_a_long_document_has_pages_that_begin_with_headings(read) -> None:
    pages = read(markdown.pages, documents.korean_markdown(sections=12, seed=3))

    text = "\n".join(page.text for page in pages)
    assert len(pages) > 3
    assert all(documents.page_fact(number, seed=3).sentence in text for number in range(1, 13))


def test_what_is_not_closed_is_read_all_the_same(read) -> None:
    (page,) = read(markdown.pages, "---\n글\n```\n코드 **".encode())

    assert page.text == "글\n\n코드 **"
