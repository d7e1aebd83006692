"""The LangChain script of `bench/peer`, with a database of its own and the embedder of the stack."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from apart import Apart
from stage import BenchFailed, Stage, Uploaded

_PEER = Path(__file__).with_name("peer")
_DATABASE = "bench_peer"
# Characters that are about CHUNK_TOKENS and CHUNK_OVERLAP, at 1.74 a token.
_SIZE, _OVERLAP = 418, 70


class Script:
    def __init__(self, child: Apart) -> None:
        self._child = child

    def seconds(self, pdf: Path, document: Uploaded) -> float:
        """From the file until a search has answered. Meaning alone often misses the last page's fact, which is a
        number, so that it is found is not asked for.

        Raises:
            BenchFailed: nothing was found.
        """
        question = document.fact(document.pages).sentence
        answer = self._child.ask(path=str(pdf), question=question, size=_SIZE, overlap=_OVERLAP)
        if not answer["found"]:
            raise BenchFailed(f"the script finds nothing for {question!r}")
        return float(answer["seconds"])


@contextmanager
def script(stage: Stage) -> Iterator[Script]:
    subprocess.run([_PEER / "setup.sh"], check=True)
    layout = stage.stack.layout
    with psycopg.connect(layout.database_url("postgres", driver="postgresql"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_DATABASE}")
    environment = {
        "DATABASE_URL": layout.database_url("postgres", database=_DATABASE),
        "EMBEDDING_BASE_URL": f"{layout.url('embedder')}/v1",
        "EMBEDDING_MODEL": "multilingual-e5-small",
        "EMBEDDING_API_KEY": layout.settings["EMBEDDING_API_KEY"],
    }
    with Apart("peer/load", environment=environment, python=_PEER / ".venv/bin/python") as child:
        yield Script(child)
