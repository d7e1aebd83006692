"""Operator's commands on the ledger's read model. Reads the service's environment.

`python -m usage_metrics.cli reconcile [--month 2026-11]` compares it with the ledger and exits with 1 if they
differ; `… rebuild [--month 2026-11]` makes it anew from the ledger, while writers wait.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from usage_metrics.config import Settings
from usage_metrics.factory import wire
from usage_metrics.models import KEYS, SUMS
from usage_metrics.service.reconciliation import ReconciliationService

cli = typer.Typer(no_args_is_help=True, help=__doc__)

Month = Annotated[datetime | None, typer.Option(formats=["%Y-%m"], help="A month in Asia/Seoul; else everything")]

SHOWN = 50


@cli.command()
def reconcile(month: Month = None) -> None:
    """Compare the sums of the ledger with the read model."""
    differences = _run(lambda service: service.differences(month.date() if month else None))
    for row in differences[:SHOWN]:
        typer.echo(_line(row))
    if not differences:
        typer.echo("the read model agrees with the ledger")
        return
    typer.echo(f"{len(differences)} groups differ (ledger minus read model); `rebuild` mends them")
    raise typer.Exit(1)


@cli.command()
def rebuild(month: Month = None) -> None:
    """Make the read model anew from the ledger."""
    count = _run(lambda service: service.rebuild(month.date() if month else None))
    typer.echo(f"{count} lines of the read model made from the ledger")


def _line(row: Mapping[str, Any]) -> str:
    keys = " ".join(f"{key}={row[key]}" for key in KEYS if row[key] is not None)
    return f"{keys}: " + ", ".join(f"{name} {row[name]:+}" for name in SUMS if row[name])


def _run[T](work: Callable[[ReconciliationService], Awaitable[T]]) -> T:
    async def main() -> T:
        wired = wire(Settings())
        try:
            return await work(wired.reconciliation)
        finally:
            await wired.database.close()

    return asyncio.run(main())


if __name__ == "__main__":
    cli()
