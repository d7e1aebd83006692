"""`alembic check` for every service, on a server of its own: it says whether models and migrations are one."""

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError

from growfit_local.home import REPOSITORY
from growfit_local.migrate import ORDER
from growfit_local.servers import PostgresServer, local


def main() -> int:
    # Short, because PostgreSQL's socket lives below it.
    root = Path(tempfile.mkdtemp(prefix="growfit-check-"))
    root.chmod(0o755)  # PostgreSQL runs as another user when we are root
    try:
        with local("postgres", root) as (layout, control), PostgresServer(layout, control).database() as database:
            os.environ["MIGRATION_DATABASE_URL"] = database.url("growfit_migrator")
            return sum(not _is_clean(service) for service in ORDER)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _is_clean(service: str) -> bool:
    folder = REPOSITORY / "services" / service
    with contextlib.chdir(folder):
        try:
            command.check(Config(folder / "alembic.ini"))
        except CommandError as error:
            print(f"{service}: {error}", file=sys.stderr)
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
