"""A local Qdrant server as a process that tests may kill."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from qdrant_client import QdrantClient

from growfit_local.ports import LOOPBACK, unused

KEY = "a key of the test"


class Server:
    def __init__(self, folder):
        self.folder, self.port = folder, unused()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "growfit_local.qdrant", "--folder", str(self.folder), "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=os.environ | {"QDRANT__SERVICE__API_KEY": KEY})
        for _ in range(400):
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("it does not start")

    def kill(self):
        self.process.kill()
        self.process.wait()

    @contextmanager
    def client(self) -> Iterator[QdrantClient]:
        client = QdrantClient(url=self.url, headers={"api-key": KEY}, check_compatibility=False, verify=False)
        try:
            yield client
        finally:
            client.close()

    def send(self, method, path, body=None, *, key=KEY):
        return httpx.request(method, f"{self.url}{path}", json=body, headers={"api-key": key})


@pytest.fixture(scope="session")
def qdrant_process():
    """Of a folder."""
    return Server
