"""What of a text file becomes pages."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.adapters.parsers.text import pages

PAGE_CHARACTERS = 3000


@given(st.lists(st.sampled_from(["가나다 라마.", "\n", "\n\n", "x" * 700, " ", "끝"]), max_size=60).map("".join))
def test_pages_of_a_text_give_it_back_whole(text: str) -> None:
    cut = list(pages(_Bytes(text.encode())))

    assert "".join(page.text for page in cut) == text
    assert [(page.number, page.total) for page in cut] == [(n, len(cut)) for n in range(1, len(cut) + 1)]
    assert all(0 < len(page.text) <= PAGE_CHARACTERS for page in cut)
    assert all(len(page.text) > PAGE_CHARACTERS // 2 for page in cut[:-1])


class _Bytes:
    """A path whose content is given; hypothesis would write thousands of files."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read_bytes(self) -> bytes:
        return self._content


def test_a_text_is_cut_at_a_paragraph_rather_than_at_a_line_or_a_word() -> None:
    paragraph = "낱말 " * 400 + "\n다음 줄 " + "낱말 " * 300
    first, second, *_ = (page.text for page in pages(_Bytes(f"{paragraph}\n\n{paragraph}\n\n끝".encode())))

    assert (first, second[:2]) == (paragraph, "\n\n")


def test_a_long_text_takes_time_in_proportion() -> None:
    """Cutting the rest off again and again would copy terabytes for the largest upload."""
    import time  # noqa: PLC0415

    def seconds(count: int) -> float:
        content = _Bytes(b"x" * PAGE_CHARACTERS * count)
        started = time.process_time()
        assert sum(1 for _ in pages(content)) == count
        return time.process_time() - started

    assert seconds(16_000) < 2.0


def test_paragraphs_of_a_text_are_its_blocks(read, outline) -> None:
    (page,) = read(pages, "\ufeff제목\r\n\r\n  첫 문단\r\n둘째 줄  \n \t \n끝\n".encode())

    assert page.text == "제목\n\n  첫 문단\n둘째 줄  \n \t \n끝\n"
    assert outline(page) == [("paragraph", "제목"), ("paragraph", "첫 문단\n둘째 줄"), ("paragraph", "끝")]
