"""The operator's commands, and that there is a program of them."""

import asyncio
import sys
from functools import partial

import pytest
from typer.testing import CliRunner

from usage_metrics.cli import cli


@pytest.fixture
def run(settings):
    """Exit code and all that was said. In this process: a new one takes seconds to begin."""

    async def command(*arguments: str) -> tuple[int, str]:
        environment = {
            "APP_ENV": "test",
            "DATABASE_URL": settings.database_url,
            "NATS_URL": settings.nats_url,
            "NATS_NKEY_SEED": "",
            "JWKS_URL": settings.jwks_url,
        }
        done = await asyncio.to_thread(partial(CliRunner().invoke, cli, arguments, env=environment))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    return command


async def test_reconcile_agrees_then_finds_what_was_tampered_with_then_rebuild_mends_it(books, make_usage, run):
    usage = make_usage()
    await books.book(usage)
    assert await run("reconcile") == (0, "the read model agrees with the ledger\n")
    await books.rows("UPDATE partner.usage_daily SET calls = 3, output_tokens = 5 RETURNING 1")

    status, output = await run("reconcile")

    assert status == 1
    assert f"day=2026-11-10 user_id={usage.tenant.user_id} operation=chat model=growfit-extractive" in output
    assert "calls -2, output_tokens +15" in output
    assert "1 groups differ" in output
    assert await run("rebuild", "--month", "2026-11") == (0, "1 lines of the read model made from the ledger\n")
    assert await books.wired.reconciliation.differences() == []


async def test_a_wrong_month_is_a_wrong_call(run):
    status, output = await run("reconcile", "--month", "november")

    assert status == 2
    assert "--month" in output


async def test_the_program_tells_its_commands():
    program = (sys.executable, "-m", "usage_metrics.cli", "--help")
    process = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()

    assert process.returncode == 0
    assert {word for word in ("reconcile", "rebuild") if word in out.decode()} == {"reconcile", "rebuild"}
