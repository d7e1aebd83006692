"""A real PostgreSQL and NATS under the supervisor: they come back, keep their data, and leave nothing behind."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from growfit_local import bootstrap, postgres, supervision
from growfit_local.errors import StackError, StartFailed
from growfit_local.stack import Stack

SERVERS = ("postgres", "nats")


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("servers"), only=SERVERS)
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()


def psql(stack, sql):
    variables = {"PGPASSWORD": stack.layout.secrets["POSTGRES_PASSWORD"]}
    address = ["-h", "127.0.0.1", "-p", str(stack.layout.ports["postgres"]), "-U", "postgres", "-d", "growfit"]
    command = [str(postgres.binary("psql")), "-XAtq", *address, "-c", sql]
    return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout.strip()


def running_pids(root):
    """Every process that has the data directory in its command line."""
    found = set()
    for process in psutil.process_iter(["pid", "cmdline"]):
        if any(str(root) in word for word in process.info["cmdline"] or []) and process.pid != os.getpid():
            found.add(process.pid)
    return found


def wait_until(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize("name", SERVERS)
def test_a_killed_process_is_started_again(servers, name):
    before = servers.kill(name)

    servers.wait_ready(name, timeout=20)

    assert servers.pid(name) not in (0, before)
    assert not psutil.pid_exists(before)


def test_postgres_keeps_what_it_said_it_had_written(servers):
    psql(servers, "CREATE TABLE IF NOT EXISTS kept (id int PRIMARY KEY)")
    psql(servers, "INSERT INTO kept VALUES (42)")

    servers.kill("postgres")
    servers.wait_ready("postgres", timeout=20)

    assert psql(servers, "SELECT id FROM kept") == "42"


def test_nats_syncs_every_message_before_it_answers(servers):
    connection = http.client.HTTPConnection("127.0.0.1", servers.layout.ports["nats-monitor"])
    connection.request("GET", "/varz")
    varz = json.loads(connection.getresponse().read())
    connection.close()

    assert varz["jetstream"]["config"]["sync_always"] is True
    assert varz["http_host"] == "127.0.0.1"


def test_streams_can_be_provisioned_twice(servers):
    bootstrap.provision(servers.layout)
    bootstrap.provision(servers.layout)

    connection = http.client.HTTPConnection("127.0.0.1", servers.layout.ports["nats-monitor"])
    connection.request("GET", "/jsz")
    assert json.loads(connection.getresponse().read())["streams"] == 6
    connection.close()


def test_a_paused_process_stays_down_until_it_is_resumed(servers):
    servers.pause("nats")
    time.sleep(1.5)
    assert servers.pid("nats") == 0

    servers.resume("nats")
    assert servers.pid("nats") != 0


def test_memory_is_told_for_every_process(servers):
    memory = servers.memory()

    assert set(memory) == {*SERVERS, "supervisord"}
    assert all(1 < used < 200 for used in memory.values())


def test_a_second_start_on_the_same_data_is_refused(servers):
    with pytest.raises(StackError, match="up already"):
        Stack(servers.home.root, only=SERVERS).start()

    assert servers.is_up()


def test_an_unknown_process_is_refused_by_name(servers):
    for call in (servers.pid, servers.env, servers.kill, servers.pause):
        with pytest.raises(StackError, match="no process 'mysql'"):
            call("mysql")


def test_a_second_start_finds_the_data_and_the_passwords_and_a_stop_leaves_nothing(tmp_path):
    first = Stack(tmp_path, only=["postgres"])
    first.start()
    psql(first, "CREATE TABLE kept AS SELECT 7 AS id")
    assert running_pids(tmp_path)

    first.stop()
    assert running_pids(tmp_path) == set()
    assert not first.is_up()

    second = Stack(tmp_path, only=["postgres"])
    second.start()
    try:
        assert psql(second, "SELECT id FROM kept") == "7"
        assert second.layout.ports == first.layout.ports
    finally:
        second.stop()


def test_a_failed_start_names_the_process_shows_its_log_and_stops_the_rest(tmp_path):
    whole = Stack(tmp_path, only=["postgres"])
    whole.start()
    whole.stop()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")

    with pytest.raises(StartFailed) as failed:
        Stack(tmp_path, only=SERVERS).start()

    assert failed.value.name == "postgres"
    assert "not compatible with this version" in str(failed.value)
    assert str(tmp_path / "logs" / "postgres.log") in str(failed.value)
    assert running_pids(tmp_path) == set()


OWNER = """
import os, signal, sys, time
from growfit_local.stack import Stack

stack = Stack(sys.argv[1], only=["postgres", "nats"])
stack.start()
print("up", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("victim", ["owner", "supervisor"])
def test_nothing_outlives_a_killed_owner_or_supervisor(tmp_path, victim):
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout.readline() == "up\n"
        pid = owner.pid if victim == "owner" else supervision.Supervision(Stack(tmp_path).home).pid

        os.kill(pid, signal.SIGKILL)

        wait_until(lambda: running_pids(tmp_path) <= {owner.pid})
        owner.kill()


def test_a_lock_that_a_power_cut_left_behind_does_not_stop_postgres(tmp_path):
    stack = Stack(tmp_path, only=["postgres"])
    stack.start()
    stack.kill("postgres")
    stack.stop()
    lock = tmp_path / "postgres" / "postmaster.pid"
    # The number belongs to another program by now: to this one.
    lock.write_text(f"{os.getpid()}\n{tmp_path / 'postgres'}\n")

    stack.start()
    stack.stop()
