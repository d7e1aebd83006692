"""Operator's commands: `python -m identity.cli --help` tells them. They read the environment."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Annotated

import typer
from pydantic import ValidationError

from chassis.errors import GrowFitError, Locale
from chassis.sealing import Rewrapped
from identity.config import Settings
from identity.factory import wire
from identity.schemas.auth import SignUp
from identity.service.keys import Rotation
from identity.service.supervisors import SupervisorService

cli = typer.Typer(no_args_is_help=True, help=__doc__)


@cli.command()
def create_supervisor(
    email: str,
    display_name: Annotated[str, typer.Option()] = "Supervisor",
    locale: Annotated[str, typer.Option()] = "ko",
) -> None:
    """Make a supervisor account. The password comes from GROWFIT_PASSWORD, or is asked for."""
    password = os.environ.get("GROWFIT_PASSWORD") or typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        form = SignUp.model_validate(
            {"email": email, "password": password, "display_name": display_name, "locale": locale}
        )
        asyncio.run(_create(form))
    except ValidationError as error:
        for item in error.errors():
            typer.echo(f"{item['loc'][0]}: {item['msg']}", err=True)
        sys.exit(1)
    except GrowFitError as error:
        typer.echo(error.message.text(Locale(form.locale), **error.values), err=True)
        sys.exit(1)
    typer.echo(f"{email} is a supervisor")


@cli.command()
def grant_supervisor(email: str) -> None:
    """Make somebody who has an account a supervisor. Their sessions end."""
    _set_tier(email, SupervisorService.grant)
    typer.echo(f"{email} is a supervisor")


@cli.command()
def revoke_supervisor(email: str) -> None:
    """Make a supervisor a user like others. Their sessions end. The last supervisor stays one."""
    _set_tier(email, SupervisorService.revoke)
    typer.echo(f"{email} is no supervisor")


@cli.command()
def rotate_keys() -> None:
    """Make a new key for access tokens and retire the older ones. Nobody is logged out."""
    try:
        made = asyncio.run(_rotate())
    except GrowFitError as error:
        typer.echo(error.message.text(Locale.EN, **error.values), err=True)
        sys.exit(1)
    typer.echo(f"key {made.kid} signs from {made.active_from.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    typer.echo(f"older keys verify until {made.retired_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")


@cli.command()
def rewrap_secrets() -> None:
    """Seal second factors and signing keys with the first key of KEY_ENCRYPTION_KEY; any of them opens.

    May be repeated. Keep an old one for a day more: letters that wait are sealed with it too.
    """
    try:
        done = asyncio.run(_rewrap())
    except GrowFitError as error:
        typer.echo(error.message.text(Locale.EN, **error.values), err=True)
        sys.exit(1)
    typer.echo(f"{done.rewrapped} sealed anew, {done.current} were current")
    if done.broken:
        typer.echo(f"{done.broken} do not open: add the key that sealed them, or reset those second factors", err=True)
        sys.exit(1)


def _set_tier(email: str, change: Callable[[SupervisorService, str], Awaitable[None]]) -> None:
    async def run() -> None:
        wired = wire(Settings())
        try:
            await change(wired.supervisors, email)
        finally:
            await wired.database.close()

    try:
        asyncio.run(run())
    except GrowFitError as error:
        typer.echo(error.message.text(Locale.EN, **error.values), err=True)
        sys.exit(1)


async def _rotate() -> Rotation:
    wired = wire(Settings())
    try:
        return await wired.keys.rotate()
    finally:
        await wired.database.close()


async def _rewrap() -> Rewrapped:
    wired = wire(Settings())
    try:
        return await wired.rewrapping.rewrap()
    finally:
        await wired.database.close()


async def _create(form: SignUp) -> None:
    wired = wire(Settings())
    try:
        await wired.accounts.create_supervisor(**form.model_dump(exclude={"invitation_token"}))
    finally:
        await wired.database.close()


if __name__ == "__main__":
    cli()
