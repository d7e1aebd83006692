"""A provider on localhost that speaks OpenAI's streaming protocol, as well or as badly as a test asks."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from langchain_openai import ChatOpenAI

WORDS = ["환불은 ", "5일 ", "걸립", "니다. [", "1] 끝."]


@dataclass
class Provider:
    """`words` are streamed as deltas. `usage`: "last" chunk as OpenAI, "every" chunk (the sum so far) or "none"."""

    words: list[str] = field(default_factory=lambda: list(WORDS))
    usage: str = "last"
    finish_reason: str | None = "stop"
    cut_after: int | None = None  # close the connection after so many words, in the middle of the reply
    ends_quietly: bool = False  # end the reply after the words, without a reason, as some proxies do
    status: int = 200
    pause: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    def chat(self) -> ChatOpenAI:
        return ChatOpenAI(
            base_url=f"http://127.0.0.1:{self.port}/v1",
            api_key="none",
            model="test-model",
            stream_usage=True,
            max_retries=0,
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length:")[1].split("\r\n")[0])
            self.requests.append(json.loads(await reader.readexactly(length)))
            await self._reply(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            writer.close()

    async def _reply(self, writer: asyncio.StreamWriter) -> None:
        if self.status != 200:
            body = b'{"error": {"message": "no"}}'
            writer.write(f"HTTP/1.1 {self.status} No\r\ncontent-type: application/json\r\n".encode())
            writer.write(f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        writer.write(b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n")
        for count, word in enumerate(self.words, start=1):
            if self.cut_after is not None and count > self.cut_after:
                return
            await self._send(writer, _chunk(word, usage=self._usage(count) if self.usage == "every" else None))
            await asyncio.sleep(self.pause)
        if not self.ends_quietly:
            await self._send(writer, _chunk("", finish_reason=self.finish_reason))
            if self.usage == "last":
                await self._send(writer, {**_chunk(""), "choices": [], "usage": self._usage(len(self.words))})
            await self._send(writer, None)
        writer.write(b"0\r\n\r\n")

    async def _send(self, writer: asyncio.StreamWriter, chunk: dict[str, Any] | None) -> None:
        data = f"data: {'[DONE]' if chunk is None else json.dumps(chunk)}\n\n".encode()
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await writer.drain()
        if writer.transport.is_closing():
            raise ConnectionResetError

    def _usage(self, words: int) -> dict[str, int]:
        return {"prompt_tokens": 100, "completion_tokens": words * 3, "total_tokens": 100 + words * 3}


def _chunk(word: str, *, finish_reason: str | None = None, usage: dict[str, int] | None = None) -> dict[str, Any]:
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "test-model-2027",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": finish_reason}],
        "usage": usage,
    }


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = Provider()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.port = server.sockets[0].getsockname()[1]
    yield provider
    server.close()
    await server.wait_closed()
