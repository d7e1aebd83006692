"""The sample that the repository ships: it can be read, it is up to date, and its questions have their answers."""

import json
import re
import runpy
from contextlib import closing
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
HANDBOOK = SAMPLES / "academy-handbook.ko.pdf"
MARKDOWN = SAMPLES / "academy-handbook.ko.md"
TITLE = "AI 실습 과정 운영 안내서"
FRONT_PAGES = 2  # the cover and the contents


def page_words(source: Path | bytes) -> list[str]:
    with closing(pypdfium2.PdfDocument(source)) as document:
        texts = []
        for number in range(len(document)):
            with closing(document[number]) as page, closing(page.get_textpage()) as text:
                texts.append(" ".join(text.get_text_range().split()))
        return texts


def markdown_words(markdown: str) -> str:
    """The words that the pages show: no table rules, no heading marks, list marks as bullets."""
    lines = [line for line in markdown.splitlines() if not re.fullmatch(r"[|\s-]+", line)]
    return " ".join(" ".join(re.sub(r"^#+ |\|", " ", re.sub(r"^- ", "• ", line)) for line in lines).split())


@pytest.fixture(scope="module")
def pages() -> list[str]:
    return page_words(HANDBOOK)


@pytest.fixture(scope="module")
def questions() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((SAMPLES / "questions.json").read_text(encoding="utf-8"))["questions"]
    return loaded


def body(pages: list[str]) -> str:
    shown = [
        text.removeprefix(TITLE).removesuffix(f"{number}쪽").strip()
        for number, text in enumerate(pages, start=1)
        if number > FRONT_PAGES
    ]
    return " ".join(shown)


def test_the_handbook_is_small_long_enough_and_free(pages: list[str]) -> None:
    assert HANDBOOK.stat().st_size < 1_000_000
    assert len(pages) >= 12
    assert "CC0 1.0 Universal" in pages[-1]
    assert "CC0 1.0 Universal" in (SAMPLES / "README.md").read_text(encoding="utf-8")


def test_a_parser_reads_the_words_of_the_text_in_order(pages: list[str]) -> None:
    cover, chapters = MARKDOWN.read_text(encoding="utf-8").split("\n## ", 1)
    assert body(pages) == markdown_words(f"## {chapters}")
    assert set(markdown_words(cover).split()) <= set(pages[0].split())


def test_the_script_makes_what_is_shipped(pages: list[str]) -> None:
    make_pdf = runpy.run_path(str(SAMPLES / "make_pdf.py"))["make_pdf"]
    assert page_words(make_pdf(MARKDOWN.read_text(encoding="utf-8"))) == pages


def test_there_are_questions_of_every_kind(questions: list[dict[str, Any]]) -> None:
    answerable = [question for question in questions if question["answerable"]]
    refused = [question for question in questions if not question["answerable"]]
    assert len(answerable) >= 12
    assert len([question for question in answerable if question["lang"] == "en"]) >= 3
    assert {question["kind"] for question in answerable} == {"same words", "reworded", "english"}
    assert len(refused) >= 6
    assert {question["kind"] for question in refused} == {"near", "far"}
    assert {question["lang"] for question in refused} == {"ko", "en"}


def test_every_answer_stands_on_the_pages_named_and_on_no_other(
    pages: list[str], questions: list[dict[str, Any]]
) -> None:
    for question in questions:
        if question["answerable"]:
            found = [number for number, text in enumerate(pages, start=1) if question["answer"] in text]
            assert found == question["page"], question["question"]
