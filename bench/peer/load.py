"""What many begin with: a PDF into LangChain's `PGVectorStore`, in a few lines, with the embedder that GrowFit has.

Runs in an environment of its own (`bench/peer/setup.sh`), because langchain-postgres wants an older pgvector. Reads one
JSON request a line, {"path", "question", "size", "overlap"}, and answers {"seconds", "chunks", "found"}.
"""

import json
import os
import sys
import time
import uuid
from typing import Any

import pymupdf
from langchain_core.documents import Document
from langchain_openai import OpenAIEmbeddings
from langchain_postgres import PGEngine, PGVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter

_DIMENSION = 384


def load(path: str, question: str, size: int, overlap: int) -> dict[str, Any]:
    """Seconds from the file until a search in it has answered; `found` is the best chunk's text."""
    engine = PGEngine.from_connection_string(os.environ["DATABASE_URL"])
    embeddings = OpenAIEmbeddings(
        model=os.environ["EMBEDDING_MODEL"],
        base_url=os.environ["EMBEDDING_BASE_URL"],
        api_key=os.environ["EMBEDDING_API_KEY"],
        # Its own tokenizer is another model's; texts are sent as they are.
        check_embedding_ctx_length=False,
    )
    table = f"peer_{uuid.uuid4().hex}"
    engine.init_vectorstore_table(table, _DIMENSION)
    store = PGVectorStore.create_sync(engine, embeddings, table)
    try:
        began = time.perf_counter()
        with pymupdf.open(path) as pdf:
            pages = [Document(page.get_text(), metadata={"page": page.number + 1}) for page in pdf]
        splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=overlap)
        chunks = splitter.split_documents(pages)
        store.add_documents(chunks)
        (best,) = store.similarity_search(question, k=1)
        return {"seconds": time.perf_counter() - began, "chunks": len(chunks), "found": best.page_content}
    finally:
        engine.drop_table(table)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(load(**json.loads(line))), flush=True)
