"""What the chunker knows of a page's structure reaches the model and the index, and never the citation."""

from collections.abc import AsyncGenerator
from pathlib import Path

from ingest.ports import Block, PageText

HEADING, HEADER = "환불 규정", "과정 | 수강료"
ROWS = [f"{number}반 | {number}0,000원" for number in range(1, 30)]


class TableParser:
    """A page as the parsers of tables make it."""

    async def pages(self, path: Path, media_type: str) -> AsyncGenerator[PageText]:
        text, blocks = HEADING, [Block("heading", 0, len(HEADING), 1)]
        for kind, line in [("header", HEADER), *(("row", row) for row in ROWS)]:
            blocks.append(Block(kind, len(text) + 1, len(text) + 1 + len(line)))
            text += "\n" + line
        yield PageText(1, 1, text, tuple(blocks))


async def test_headings_and_headers_are_embedded_and_not_cited(ingest, stand_in, person) -> None:
    document_id = await ingest.put("과정마다 수강료가 다릅니다.".encode(), person=person)
    embedder = stand_in()
    await ingest.processing(embedder, parser=TableParser(), chunk_tokens=40).process(document_id)

    chunks = await ingest.sql.chunks(document_id)
    assert len(chunks) > 2
    assert [chunk["text"] for chunk in chunks if HEADER in chunk["text"]] == [chunks[0]["text"]]
    assert [line for chunk in chunks for line in chunk["text"].splitlines() if line[0].isdigit()] == ROWS
    assert {tuple(chunk["headings"]) for chunk in chunks} == {(HEADING,)}
    assert [chunk["context"] for chunk in chunks] == ["", *[f"{HEADING}\n{HEADER}"] * (len(chunks) - 1)]
    assert sorted(embedder.texts) == sorted("\n".join(filter(None, (c["context"], c["text"]))) for c in chunks)
    held = {
        metadata["ordinal"]: (metadata["text"], metadata["headings"])
        for _, _, metadata in await ingest.wired.index.scroll()
        if metadata["doc_id"] == str(document_id)
    }
    assert held == {chunk["ordinal"]: (chunk["text"], [HEADING]) for chunk in chunks}


async def test_a_heading_that_is_no_heading_stops_no_document(ingest, stand_in, person) -> None:
    """A long line that a parser took for one, and more of them in each other than any book has."""
    document_id = await ingest.put("제목이 아주 깊고 깁니다.".encode(), person=person)

    class Deep:
        async def pages(self, path: Path, media_type: str) -> AsyncGenerator[PageText]:
            lines, blocks, text = [f"{'가' * 2_000}{level}" for level in range(1, 40)], [], ""
            for level, line in enumerate(lines, start=1):
                blocks.append(Block("heading", len(text), len(text) + len(line), level))
                text += line + "\n"
            yield PageText(1, 1, f"{text}본문은 여기 있습니다.", tuple(blocks))

    await ingest.processing(stand_in(), parser=Deep()).process(document_id)
    assert (await ingest.sql.document(document_id))["state"] == "ready"
    held = [data for _, _, data in await ingest.wired.index.scroll() if data["doc_id"] == str(document_id)]
    assert max(len(data["headings"]) for data in held) == 20
    assert {len(each) for data in held for each in data["headings"]} == {200}
