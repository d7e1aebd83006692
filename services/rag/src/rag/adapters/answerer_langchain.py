"""Any LangChain chat model, over a retriever that is fixed to what one caller may search."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel

from rag.chains.answer import Answer, AnswerChain
from rag.chains.prompt import Turn
from retrieval.embeddings import MeteredEmbeddings
from retrieval.retriever import ScopedRetriever
from retrieval.store import VectorStoreAdapter


class LangChainAnswerer:
    def __init__(
        self,
        chat: BaseChatModel,
        *,
        provider: str,
        model: str,
        embeddings: MeteredEmbeddings,
        store: VectorStoreAdapter,
        passages: int,
    ) -> None:
        self.provider = provider
        self.model = model
        self._chain = AnswerChain(chat, model_name=model)
        self._embeddings = embeddings
        self._store = store
        self._passages = passages

    def start(
        self, question: str, *, history: Sequence[Turn], filters: Mapping[str, Any], on_tokens: Callable[[int], None]
    ) -> Answer:
        retriever = ScopedRetriever(
            embeddings=self._embeddings,
            store=self._store,
            filters=filters,
            top_k=self._passages,
            on_tokens=on_tokens,
        )
        return self._chain.start(question, retriever=retriever, history=history)
