"""A child that a file has taken over may write what it likes; the worker believes pages alone."""

import asyncio
import json
from typing import Any

import pytest

from ingest.adapters import child_lines
from ingest.adapters.child_lines import Broken, Lines

PAGE = {"page": 1, "total": 2, "text": "가나다", "blocks": [["heading", 0, 1, 1], ["paragraph", 1, 3, 0]]}


async def read(*lines: bytes) -> list[Any]:
    stream = asyncio.StreamReader(limit=1_000)
    for line in lines:
        stream.feed_data(line)
    stream.feed_eof()
    own = Lines(stream)
    return [own.page(record) async for record in own]


def as_line(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in (PAGE | changes).items() if value is not ...}).encode() + b"\n"


async def test_pages_in_order_are_believed() -> None:
    first, second = await read(as_line(), as_line(page=2))

    assert (first.number, second.number, first.text) == (1, 2, "가나다")
    assert [(block.kind, block.start, block.end, block.level) for block in first.blocks] == [
        ("heading", 0, 1, 1),
        ("paragraph", 1, 3, 0),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"not JSON\n",
        b"\xff\xfe\n",
        b"[1]\n",
        b"null\n",
        b"[" * 900 + b"\n",
        b"x" * 2_000 + b"\n",
        as_line(page=2),
        as_line(page=0),
        as_line(page="1"),
        as_line(total=0),
        as_line(total="2"),
        as_line(text=None),
        as_line(text=["가"]),
        as_line(text=...),
        as_line(blocks=None),
        as_line(blocks=[["heading", 0, 1]]),
        as_line(blocks=[["heading", 0, 4, 1]]),
        as_line(blocks=[["heading", 2, 1, 1]]),
        as_line(blocks=[["paragraph", 1, 3, 0], ["heading", 0, 1, 1]]),
        as_line(blocks=[["script", 0, 1, 1]]),
        as_line(blocks=[["heading", "0", 1, 1]]),
        as_line(blocks=[["heading", 0, 1, None]]),
        as_line(blocks=[[[], 0, 1, 1]]),
    ],
)
async def test_nothing_else_is(line: bytes) -> None:
    with pytest.raises(Broken):
        await read(line)


async def test_no_more_than_a_document_s_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_lines, "MAX_CHARACTERS", 5)
    with pytest.raises(Broken):
        await read(as_line(), as_line(page=2))


async def test_no_more_bytes_than_that_can_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_lines, "_MAX_BYTES", 150)
    with pytest.raises(Broken):
        await read(as_line(), as_line(page=2))
