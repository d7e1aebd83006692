"""Operator's commands on one service's events: dead letters and re-publishing.

`python -m chassis.operate letters PACKAGE`, `… redrive PACKAGE [ID]`, `… republish PACKAGE --hours N`.
Reads DATABASE_URL of that service. The running worker does what these commands ask for.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, dead_letters, outbox
from chassis.clock import now
from chassis.database import Database
from chassis.plumbing import plumbing_tables

cli = typer.Typer(no_args_is_help=True, help=__doc__)


def _run[T](package: str, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    async def main() -> T:
        plumbing = plumbing_tables(MetaData(), schema=package)
        database = Database(os.environ["DATABASE_URL"], plumbing, pool_size=1)
        try:
            async with database.transaction() as session:
                return await work(session)
        finally:
            await database.close()

    return asyncio.run(main())


@cli.command()
def letters(package: str) -> None:
    """List what was given up and not yet resolved."""
    rows: list[dict[str, Any]] = _run(package, dead_letters.list_open)
    for row in rows:
        typer.echo(f"{row['id']}  {row['buried_at']:%Y-%m-%d %H:%M}  {row['consumer']}  {row['reason']}")
        typer.echo(f"    {row['error'][:200]}")
    typer.echo(f"{len(rows)} open")


@cli.command()
def redrive(package: str, letter: Annotated[UUID | None, typer.Argument()] = None) -> None:
    """Let the worker handle one dead letter, or all of them, again."""

    async def ask(session: AsyncSession) -> int:
        count = await dead_letters.request_redrive(session, letter_id=letter)
        if count:
            target = f"dead_letter/{letter}" if letter else None
            await audit.record(session, "dead_letters.redriven", actor=None, target=target, letters=count)
        return count

    count = _run(package, ask)
    typer.echo(f"{count} will be handled again")
    raise typer.Exit(0 if count or letter is None else 1)


@cli.command()
def republish(package: str, hours: Annotated[float, typer.Option(min=0)] = 24.0) -> None:
    """Publish the last hours' events again, after the bus lost its store. Inboxes drop what they know."""

    async def again(session: AsyncSession) -> int:
        count = await outbox.republish(session, since=now() - timedelta(hours=hours))
        await audit.record(session, "events.republished", actor=None, hours=hours, events=count)
        return count

    count = _run(package, again)
    typer.echo(f"{count} events will be published again")


if __name__ == "__main__":
    cli()
