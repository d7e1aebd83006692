import socket
import subprocess
import sys

import pytest

from growfit_local.stack import Stack


def growfit(*arguments, **variables):
    command = [sys.executable, "-m", "growfit_local", *arguments]
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin", "LANG": "C.UTF-8", "COLUMNS": "200"} | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_taken_port_is_named_with_the_way_out_and_nothing_is_started(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        done = growfit("up", "--data", str(tmp_path), PORT=str(port))

    assert done.returncode == 1
    assert f"PORT={port + 1} make up" in done.stderr
    assert not (tmp_path / "postgres").exists()


def test_without_a_stack_every_command_says_how_to_start_one(tmp_path):
    status, down = growfit("status", "--data", str(tmp_path)), growfit("down", "--data", str(tmp_path))
    env = growfit("env", "rag", "--data", str(tmp_path))

    assert (status.returncode, down.returncode, env.returncode) == (1, 0, 1)
    assert "make up" in status.stdout
    assert "Nothing runs" in down.stdout
    assert "make up" in env.stderr


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("cli"), only=["postgres", "nats"])
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()


def test_up_on_a_stack_that_is_up_says_so(running):
    done = growfit("up", GROWFIT_HOME=str(running.home.root))

    assert done.returncode == 0
    assert "up already" in done.stdout
    assert running.url in done.stdout


def test_status_says_what_is_up_and_where(running):
    done = growfit("status", GROWFIT_HOME=str(running.home.root))

    assert done.returncode == 0
    line = next(line for line in done.stdout.splitlines() if line.startswith("postgres"))
    assert "ready" in line
    assert str(running.pid("postgres")) in line
    assert f"127.0.0.1:{running.layout.ports['postgres']}" in line
    assert "postgres.log" in line
    assert f"logs: {running.home.logs}" in done.stdout


def test_the_environment_of_a_process_can_be_sourced(running):
    done = growfit("env", "rag", GROWFIT_HOME=str(running.home.root))

    sourced = subprocess.run(
        ["bash", "-c", f"set -a; {done.stdout}\nenv"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert all(f"{name}={value}" in sourced for name, value in running.env("rag").items())


def test_an_unknown_process_or_role_is_refused_with_the_known_ones(running):
    env = growfit("env", "mysql", GROWFIT_HOME=str(running.home.root))
    psql = growfit("psql", "--role", "root", GROWFIT_HOME=str(running.home.root))

    assert (env.returncode, psql.returncode) == (1, 1)
    assert "there are: postgres, nats" in env.stderr
    assert "there are: postgres, growfit_migrator" in psql.stderr


def test_psql_opens_the_database_in_any_role(running):
    arguments = ("psql", "--role", "rag", "-XAtc", "SELECT current_user, current_database()")

    assert growfit(*arguments, GROWFIT_HOME=str(running.home.root)).stdout == "rag|growfit\n"


def test_secrets_for_compose_fill_every_empty_line_of_the_example():
    made = {line.split("=")[0] for line in growfit("secrets").stdout.splitlines()}

    assert {"POSTGRES_PASSWORD", "KEY_ENCRYPTION_KEY", "NATS_RAG_SEED", "QDRANT_API_KEY"} <= made
