"""Any LangChain chat model, over a retriever that is fixed to what one caller may search."""

from collections.abc import Awaitable, Callable, Sequence

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from rag.chains.answer import Answer, AnswerChain
from rag.chains.prompt import Turn
from retrieval.retriever import document_of
from retrieval.store import Hit

type Find = Callable[[str, int], Awaitable[list[Hit]]]


class FindRetriever(BaseRetriever):
    """`find(question, top_k)` is made by whoever knows what the caller may see; no input of a chain changes it."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    find: Find
    top_k: int

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002  # LangChain's signature
    ) -> list[Document]:
        return [document_of(hit) for hit in await self.find(query, self.top_k)]

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        raise NotImplementedError("the vector stores are asynchronous: use ainvoke")


class LangChainAnswerer:
    def __init__(self, chat: BaseChatModel, *, provider: str, model: str, passages: int) -> None:
        self.provider = provider
        self.model = model
        self._chain = AnswerChain(chat, model_name=model)
        self._passages = passages

    def start(self, question: str, *, history: Sequence[Turn], find: Find, instructions: str = "") -> Answer:
        retriever = FindRetriever(find=find, top_k=self._passages)
        return self._chain.start(question, retriever=retriever, history=history, instructions=instructions)
