"""`python -m growfit_local.qdrant --folder DIR --port 6333`; the key is `QDRANT__SERVICE__API_KEY`, as Qdrant's is."""

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from growfit_local.ports import LOOPBACK
from growfit_local.qdrant.errors import FolderTaken
from growfit_local.qdrant.server import create_app


def main() -> int:
    arguments = _arguments()
    app = create_app(arguments.folder, api_key=os.environ.get("QDRANT__SERVICE__API_KEY", ""))
    config = uvicorn.Config(
        app,
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    uvicorn.Server(config).run()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="growfit_local.qdrant", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the collections are kept")
    parser.add_argument("--host", default=LOOPBACK, help="default: %(default)s")
    parser.add_argument("--port", type=int, default=6333, help="default: %(default)s")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FolderTaken as error:
        sys.exit(f"qdrant: {error}")
