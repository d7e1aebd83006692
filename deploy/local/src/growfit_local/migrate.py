"""Bring every service's tables to the newest version: five Alembic histories in one process.

Reads MIGRATION_DATABASE_URL. identity goes first, because the foreign keys of the others point at its tables.
"""

import contextlib

from alembic import command
from alembic.config import Config

from growfit_local.home import REPOSITORY

ORDER = ("identity", "org-partner", "ingest", "rag", "usage-metrics")


def main() -> None:
    for service in ORDER:
        folder = REPOSITORY / "services" / service
        with contextlib.chdir(folder):
            print(f"{service}: upgrade to head", flush=True)
            command.upgrade(Config(folder / "alembic.ini"), "head")


if __name__ == "__main__":
    main()
