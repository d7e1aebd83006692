"""People logging in, in a process of their own: `python bench/login_load.py URL ACCOUNTS`, ACCOUNTS as JSON pairs.

Request {"seconds": …}, answer {"logins": …, "refused": …}: each account logs in again and again, all of them at once.
"""

import asyncio
import json
import sys
import time
from typing import Any

import httpx
from apart import answer_requests


async def _work(url: str, accounts: list[tuple[str, str]], seconds: float) -> dict[str, Any]:
    until, counts = time.monotonic() + seconds, {"logins": 0, "refused": 0}
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:

        async def log_in(email: str, password: str) -> None:
            while time.monotonic() < until:
                answer = await http.post("/auth/login", json={"email": email, "password": password})
                counts["logins" if answer.is_success else "refused"] += 1

        await asyncio.gather(*(log_in(*account) for account in accounts))
    return counts


def main(url: str, accounts: list[tuple[str, str]]) -> None:
    answer_requests(lambda seconds: asyncio.run(_work(url, accounts, seconds)))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
