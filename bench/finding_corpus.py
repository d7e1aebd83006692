"""What `make bench-retrieval` searches in and asks: documents cut as ingest cuts them, questions and their passages."""

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from growfit_documents import prose

from ingest.adapters.parsers.page import PageBuilder
from ingest.ports import Block, PageText
from ingest.service.chunking import Chunking, ChunkText, chunk
from ingest.service.pieces import CountTokens
from retrieval.models import EmbeddingModel

_REPOSITORY = Path(__file__).resolve().parents[1]
_QUESTIONS = Path(__file__).with_name("questions")
_HANDBOOK = _REPOSITORY / "docs" / "samples" / "academy-handbook.ko.md"
_HANDBOOK_QUESTIONS = _REPOSITORY / "docs" / "samples" / "questions.json"
_PROSE_PAGES = 40
_HEADING = re.compile(r"(#{1,6}) (.+)")
_NAMESPACE = UUID(int=0)

# What a noun is asked with: of each pair the form that its last letter asks for.
PARTICLES = ("은", "이", "을", "과", "으로", "에서", "에", "의", "도", "만", "까지", "부터")
_PAIRED = PARTICLES[:5]


@dataclass(frozen=True, slots=True)
class Passage:
    """`passage`: what a question names; a long passage is several chunks. `said` is embedded, `text` cited."""

    chunk_id: str
    passage: str
    said: str


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    passages: frozenset[str]


@dataclass(frozen=True, slots=True)
class Corpus:
    """`documents`: the passages of each, by its id."""

    name: str
    documents: Mapping[UUID, Sequence[Passage]]
    sets: Mapping[str, Sequence[Question]]

    @property
    def chunks(self) -> int:
        return sum(map(len, self.documents.values()))


@dataclass(frozen=True, slots=True)
class Cut:
    """How texts become what is embedded. `context`: "none", "path" as the chunker gives it, or "title" before it."""

    model: EmbeddingModel
    count_tokens: CountTokens
    chunking: Chunking
    context: str = "path"

    async def __call__(self, page: PageText, *, title: str) -> list[tuple[ChunkText, str]]:
        made = await chunk([page], self.chunking, model=self.model, count_tokens=self.count_tokens)
        return [(each, self._said(each, title)) for each in made]

    def _said(self, made: ChunkText, title: str) -> str:
        lines = [title] if self.context == "title" else []
        if self.context != "none" and made.context:
            lines.append(made.context)
        return "\n".join([*lines, made.text])


async def own_corpus(cut: Cut) -> Corpus:
    """The project's documents: the courses and rules in questions/, the handbook, and pages of prose as noise."""
    every: dict[UUID, Sequence[Passage]] = {}
    texts: dict[str, str] = {}
    for path in (*sorted(_QUESTIONS.glob("documents/*.md")), _HANDBOOK):
        name, page = path.name.partition(".")[0], markdown(path.read_text("utf-8"))
        every[_id(name)] = await _sections(cut, page, name=name)
        texts |= {f"{name}/{heading}": page.text[start:end] for heading, start, end in _parts(page)}
    for number in range(1, _PROSE_PAGES + 1):
        page, name = prose.korean_page(number), f"prose-{number}"
        texts[name] = page.text
        own = await cut(PageText(1, 1, page.text), title=page.heading)
        every[_id(name)] = [Passage(_chunk_id(name, made), name, said) for made, said in own]
    return Corpus("own", every, _own_questions(texts))


def markdown(text: str) -> PageText:
    """One page with its blocks, as much of Markdown as these documents use."""
    page, paragraph, in_table = PageBuilder(), list[str](), False
    for line in [*text.splitlines(), ""]:
        stripped = line.strip()
        heading = _HEADING.fullmatch(stripped)
        is_row = stripped.startswith("|")
        if paragraph and (not stripped or heading or is_row):
            page.add("\n".join(paragraph))
            paragraph = []
        if heading:
            page.add(heading[2], "heading", level=len(heading[1]))
        elif is_row and not set(stripped) <= set("|-: "):
            page.add_row(stripped.strip("|").split("|"), is_header=not in_table)
        elif stripped and not is_row:
            paragraph.append(stripped)
        in_table = is_row
    blocks = tuple(Block(each.kind, each.start, each.end, each.level) for each in page.blocks)
    return PageText(1, 1, page.text, blocks)


async def _sections(cut: Cut, page: PageText, *, name: str) -> list[Passage]:
    parts = list(_parts(page))
    title = page.text.partition("\n")[0]
    return [
        Passage(
            _chunk_id(name, made),
            next((f"{name}/{heading}" for heading, start, end in parts if start <= made.char_start < end), name),
            said,
        )
        for made, said in await cut(page, title=title)
    ]


def _parts(page: PageText) -> Iterator[tuple[str, int, int]]:
    """Each heading with the stretch up to the next one; headings that follow each other at once are one part."""
    headings = [block for block in page.blocks if block.kind == "heading"]
    ends = [*(block.start for block in headings[1:]), len(page.text)]
    start: int | None = None
    for block, end in zip(headings, ends, strict=True):
        start = block.start if start is None else start
        if page.text[block.end : end].strip():
            yield page.text[block.start : block.end], start, end
            start = None


def _own_questions(texts: Mapping[str, str]) -> dict[str, list[Question]]:
    written: dict[str, list[dict[str, Any]]] = json.loads((_QUESTIONS / "questions.json").read_text("utf-8"))
    sets = {
        kind: [Question(each["question"], _known(each["passages"], texts)) for each in asked]
        for kind, asked in written.items()
    }
    for each in json.loads(_HANDBOOK_QUESTIONS.read_text("utf-8"))["questions"]:
        if each["answerable"]:
            holding = {name for name, text in texts.items() if each["answer"] in _plain(text)}
            handbook = {name for name in holding if name.startswith("academy-handbook/")}
            sets[each["kind"]].append(Question(each["question"], _known(handbook, texts)))
    return sets | {"particles": _asked_with_particles(texts)}


def _asked_with_particles(texts: Mapping[str, str]) -> list[Question]:
    nouns: dict[str, str] = json.loads((_QUESTIONS / "nouns.json").read_text("utf-8"))
    for noun, passage in nouns.items():
        if [name for name, text in texts.items() if noun in text] != [passage]:
            raise ValueError(f"{noun} does not stand in {passage} alone")
    return [
        Question(prose.particle(noun, each) if each in _PAIRED else noun + each, frozenset([passage]))
        for noun, passage in nouns.items()
        for each in PARTICLES
    ]


def _known(passages: Sequence[str] | set[str], texts: Mapping[str, str]) -> frozenset[str]:
    if not passages or (missing := set(passages) - texts.keys()):
        raise ValueError(f"a question names passages that are not there: {missing if passages else passages}")
    return frozenset(passages)


def _plain(text: str) -> str:
    return " ".join(text.replace("|", " ").split())


async def korquad(articles: Sequence[Any], cut: Cut, *, name: str, questions: int, seed: int) -> Corpus:
    """The `data` of a file in the format of KorQuAD 1.0 (SQuAD 1.1): all its paragraphs, a sample of its questions."""
    every: dict[UUID, Sequence[Passage]] = {}
    asked: list[Question] = []
    for article in articles:
        for paragraph in article["paragraphs"]:
            key = f"{name}/{len(every)}"
            own = await cut(PageText(1, 1, paragraph["context"]), title=article["title"])
            every[_id(key)] = [Passage(_chunk_id(key, made), key, said) for made, said in own]
            asked += [Question(each["question"], frozenset([key])) for each in paragraph["qas"]]
    chosen = random.Random(seed).sample(asked, min(questions, len(asked)))
    return Corpus("korquad", every, {name: chosen})


def _id(name: str) -> UUID:
    return uuid5(_NAMESPACE, name)


def _chunk_id(name: str, made: ChunkText) -> str:
    return str(uuid5(_NAMESPACE, f"{name}/{made.ordinal}"))
