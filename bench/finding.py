"""`make bench-retrieval`: how well each arm finds, on the project's questions and on any KorQuAD file (DATA=path).

One table, bench/retrieval.json, and 1 as exit code when a bar does not hold.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import machine
from figures import Bar, Figure, print_table, write_json
from finding_arms import ARMS, Arms, Quality, quality
from finding_corpus import PARTICLES, Corpus, Cut, Question, korquad, own_corpus
from rich.console import Console
from rich.table import Table

from growfit_local.errors import StackError
from growfit_local.layout import Layout
from growfit_local.servers import LocalControl, PostgresServer
from growfit_local.stack import Stack
from ingest.service.chunking import Chunking
from retrieval.embeddings import MeteredEmbeddings
from retrieval.models import get_model

_RESULT = Path(__file__).with_name("retrieval.json")
_WIDTH = 150
_SEED = 20_261
_SAMPLE = 1_000
_NOUNS = 10


@dataclass(frozen=True)
class Held(Figure):
    """A figure with a bar of its own."""

    limit: Bar | None = None

    @property
    def bar(self) -> Bar | None:
        return self.limit


@dataclass(frozen=True)
class Measured:
    """One set of questions. `missed`: those that hybrid search does not find among the first five."""

    questions: Sequence[Question]
    rankings: Mapping[str, Sequence[Sequence[str]]]

    @property
    def arms(self) -> dict[str, Quality]:
        return {arm: quality(self.questions, self.rankings[arm]) for arm in ARMS}

    @property
    def missed(self) -> list[str]:
        found = zip(self.questions, self.rankings["hybrid"], strict=True)
        return [each.text for each, ranking in found if not each.passages & set(ranking[:5])]


def main() -> int:
    arguments = _arguments()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    about, began = machine.describe(), time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder:
            stack = Stack(Path(folder), only=["postgres", "embedder"])
            stack.start()
            try:
                sizes, measured = asyncio.run(_measure(stack, arguments))
            finally:
                stack.stop()
    except KeyboardInterrupt:
        console.print("[yellow]stopped; nothing is left running[/]")
        return 130
    except (StackError, OSError, ValueError) as error:
        console.print(f"[red]✗ nothing was measured:[/] {error}")
        return 2
    figures = [figure for name, each in measured.items() for figure in _figures(name, each)]
    _print(console, measured)
    print_table(console, figures)
    sets = {
        name: {"questions": len(each.questions), "missed": each.missed}
        | {arm: {key: round(value, 4) for key, value in asdict(found).items()} for arm, found in each.arms.items()}
        for name, each in measured.items()
    }
    how = {"chunking": arguments.chunking.as_json(), "context": arguments.context, "chunks": sizes}
    seconds = round(time.monotonic() - began)
    if arguments.write:
        write_json(_RESULT, figures, **about, **how, seconds=seconds, sets=sets)
    console.print(f"{seconds} s; chunks: {json.dumps(sizes)}")
    failed = [figure.name for figure in figures if figure.failed]
    if failed:
        console.print(f"[red]✗ bars that do not hold:[/] {', '.join(failed)}")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=_data, help="a file in the format of KorQuAD 1.0")
    parser.add_argument("--context", choices=("none", "path", "title"), default="path", help="to compare; default path")
    parser.add_argument("--chunking", type=lambda text: Chunking.from_json(json.loads(text)), default=Chunking())
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave bench/retrieval.json alone")
    return parser.parse_args()


def _data(path: str) -> tuple[str, list[Any]]:
    """Raises ArgumentTypeError before anything is started."""
    try:
        articles = json.loads(Path(path).read_text("utf-8"))["data"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise argparse.ArgumentTypeError(f"{path} has not the format of KorQuAD 1.0: {error!r}") from error
    return Path(path).stem, articles


async def _measure(stack: Stack, arguments: argparse.Namespace) -> tuple[dict[str, int], dict[str, Measured]]:
    layout: Layout = stack.layout
    server = PostgresServer(layout, LocalControl(stack, "postgres"))
    model = get_model("multilingual-e5-small")
    with server.database(migrated=False) as database:
        async with (
            MeteredEmbeddings(model, base_url=f"{layout.url('embedder')}/v1") as embeddings,
            Arms(database.url("vector_writer"), embeddings) as arms,
        ):
            cut = Cut(model, embeddings.count_tokens, arguments.chunking, arguments.context)
            corpora = [await own_corpus(cut)]
            if arguments.data:
                name, articles = arguments.data
                corpora.append(await korquad(articles, cut, name=name, questions=_SAMPLE, seed=_SEED))
            measured: dict[str, Measured] = {}
            for corpus in corpora:
                await arms.add(corpus)
                measured |= await _asked(arms, corpus)
            return {corpus.name: corpus.chunks for corpus in corpora}, measured


async def _asked(arms: Arms, corpus: Corpus) -> dict[str, Measured]:
    return {
        name: Measured(questions, await arms.rankings(corpus, questions)) for name, questions in corpus.sets.items()
    }


def _figures(name: str, measured: Measured) -> list[Held]:
    if name == "particles":
        return [_nouns_found(measured)]
    arms = measured.arms
    better = max(arms["dense"].recall_5, arms["lexical"].recall_5)
    over = Held(
        f"{name}: hybrid_over_better_arm",
        arms["hybrid"].recall_5 / better,
        f"recall@5 of hybrid ÷ of the better arm, {len(measured.questions)} questions",
        limit=Bar(">=", 0.97),
    )
    if name in ("same words", "reworded", "english"):
        return [over]
    return [
        over,
        Held(f"{name}: recall@1", arms["hybrid"].recall_1, "hybrid, over all paragraphs", limit=Bar(">=", 0.90)),
        Held(f"{name}: recall@5", arms["hybrid"].recall_5, "hybrid, over all paragraphs", limit=Bar(">=", 0.98)),
    ]


def _nouns_found(measured: Measured) -> Held:
    """A noun is found when, whatever its particle, its passage is the first by words and among hybrid's first five."""
    nouns: dict[str, bool] = {}
    words, hybrid = measured.rankings["lexical"], measured.rankings["hybrid"]
    for number, question in enumerate(measured.questions):
        noun = measured.questions[number - number % len(PARTICLES)].text
        is_found = question.passages & set(words[number][:1]) and question.passages & set(hybrid[number][:5])
        nouns[noun] = nouns.get(noun, True) and bool(is_found)
    return Held(
        "particles: nouns found",
        sum(nouns.values()),
        f"of {len(nouns)}, each with {len(PARTICLES)} particles: first by words, among the first five in hybrid search",
        limit=Bar(">=", _NOUNS),
    )


def _print(console: Console, measured: Mapping[str, Measured]) -> None:
    table = Table("questions", "arm", "R@1", "R@5", "MRR@10", "nDCG@10", title="Retrieval", title_justify="left")
    for name, each in measured.items():
        for arm, found in each.arms.items():
            label = f"{name}, {len(each.questions)}" if arm == ARMS[0] else ""
            table.add_row(label, arm, *(f"{value:.3f}" for value in asdict(found).values()))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
