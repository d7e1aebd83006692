"""Operator's commands: `python -m org_partner.cli rewrap-keys`. Reads the environment."""

import asyncio
import sys

import typer

from chassis.errors import GrowFitError, Locale
from chassis.sealing import Rewrapped
from org_partner.config import Settings
from org_partner.factory import wire

cli = typer.Typer(no_args_is_help=True, help=__doc__)


@cli.callback()
def main() -> None:
    """Without this, typer would leave out the name of the only command."""


@cli.command()
def rewrap_keys() -> None:
    """Seal every LLM key with the first key of KEY_ENCRYPTION_KEY; any of them opens. May be repeated.

    Keep an old one for a day more: letters that wait are sealed with it too.
    """
    try:
        done = asyncio.run(_rewrap())
    except GrowFitError as error:
        typer.echo(error.message.text(Locale.EN, **error.values), err=True)
        sys.exit(1)
    typer.echo(f"{done.rewrapped} sealed anew, {done.current} were current")
    if done.broken:
        typer.echo(f"{done.broken} do not open: set them again, or add the key that sealed them", err=True)
        sys.exit(1)


async def _rewrap() -> Rewrapped:
    wired = wire(Settings())
    try:
        return await wired.llm_keys.rewrap()
    finally:
        await wired.database.close()


if __name__ == "__main__":
    cli()
