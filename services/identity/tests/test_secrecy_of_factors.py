"""No TOTP secret, code, key or login token is in a log, on the bus, or readable in the database."""

import logging

import psycopg
import pyotp
import pytest


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.DEBUG)

    def text() -> str:
        formatter = logging.Formatter("%(name)s %(message)s")
        return "\n".join(formatter.format(record) for record in caplog.records)

    return text


@pytest.fixture
def dumped(database):
    """Every row of every table, as text, the sealed letters and the outbox among them."""

    def text() -> str:
        with psycopg.connect(database.libpq_url("postgres")) as connection:
            query = """SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c
                JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('identity', 'supervisor', 'user')"""
            tables = [row[0] for row in connection.execute(query)]
            return "\n".join(
                str(row[0]) for table in tables for row in connection.execute(f"SELECT t::text FROM {table} t")
            )

    return text


async def test_a_life_with_factors_and_keys_leaves_no_secret_anywhere(client, asker, sql, logged, dumped) -> None:
    account = await client.sign_up()
    ask = await asker(account)
    secret = (await ask("POST", "/users/me/mfa/totp", {"password": account.password})).json()["secret"]
    app = pyotp.TOTP(secret)
    body = {"code": app.now()}
    recovery = (await ask("POST", "/users/me/mfa/totp/confirm", body)).json()["recovery_codes"]
    mfa_token = (await client.post("/auth/login", account.login)).json()["mfa_token"]
    await client.post("/auth/login/mfa", {"mfa_token": mfa_token, "code": "000000"})
    tokens = (await client.post("/auth/login/mfa", {"mfa_token": mfa_token, "code": recovery[0]})).json()
    form = {"name": "배치", "scopes": ["documents:read"], "expires_in_days": 1}
    key = (await ask("POST", "/users/me/api-keys", form)).json()
    successor = (await ask("POST", f"/users/me/api-keys/{key['api_key_id']}/rotate", {})).json()
    traded = (await client.post("/auth/api-keys/token", {"api_key": key["api_key"]})).json()
    await client.post("/auth/api-keys/token", {"api_key": key["api_key"][:-1] + "0"})
    await client.with_token("GET", "/users/me", successor["api_key"])

    secrets = [secret, mfa_token, *recovery, *(code.replace("-", "") for code in recovery)]
    secrets += [each["api_key"].split("_", 2)[2][:43] for each in (key, successor)]
    secrets += [tokens["access_token"], tokens["refresh_token"], traded["access_token"]]
    # Bytes are dumped in hex.
    secrets += [each.encode().hex() for each in secrets]
    everything = dumped()
    assert account.user_id in everything
    assert [each for each in secrets if each in logged() + everything] == []
