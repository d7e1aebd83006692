"""The chat model of this installation: an OpenAI-compatible provider, or the extractive answerer."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from rag.adapters.llm_extractive import MODEL_NAME, ExtractiveChatModel
from rag.chains.evidence import Vectors
from rag.config import Settings
from retrieval.embeddings import MeteredEmbeddings
from retrieval.sentences import split_sentences
from retrieval.terms import TermAnalyser

OWN_PROVIDER = "growfit"


@dataclass(frozen=True)
class ChatModel:
    chat: BaseChatModel
    provider: str
    model: str


def chat_model(settings: Settings, *, embeddings: MeteredEmbeddings, analyser: TermAnalyser) -> ChatModel:
    if settings.llm_base_url:
        return _provider(settings)

    async def embed(texts: list[str], kind: Literal["query", "passage"]) -> tuple[Vectors, int]:
        embedded = await embeddings.embed(texts, kind)
        return embedded.vectors, embedded.tokens

    chat = ExtractiveChatModel(embed=embed, terms=analyser.terms, split=_split)
    return ChatModel(chat, OWN_PROVIDER, MODEL_NAME)


def _split(text: str) -> list[tuple[int, int]]:
    return [(sentence.start, sentence.end) for sentence in split_sentences(text)]


def _provider(settings: Settings) -> ChatModel:
    # Imported only where it is used: it costs a process 15 MB and half a second.
    from langchain_openai import ChatOpenAI  # noqa: PLC0415

    chat = ChatOpenAI(
        base_url=settings.llm_base_url,
        # The client refuses an empty key, and many local servers want none.
        api_key=SecretStr(settings.llm_api_key.get_secret_value() or "none"),
        model=settings.llm_model,
        stream_usage=True,
        timeout=settings.answer_seconds,
        max_retries=2,
    )
    return ChatModel(chat, urlsplit(settings.llm_base_url).hostname or "", settings.llm_model)
