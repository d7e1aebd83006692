import json
import os

import pytest

from growfit_local import environment, layout, postgres, processes
from growfit_local.errors import StackError
from growfit_local.home import Home
from growfit_local.ports import LOOPBACK
from growfit_local.supervision import Supervision, render


@pytest.fixture
def plan(tmp_path):
    home = Home.at(tmp_path / "50% done")
    home.create()
    return layout.resolve(home, port=0, host=LOOPBACK, settings={})


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(StackError, match=r"no process 'mysql'; there are: postgres, nats, .*traefik"):
        processes.named("mysql")


def test_each_service_logs_in_as_itself(plan):
    roles = {
        name: environment.TABLE[name](plan)["DATABASE_URL"].split("//")[1].split(":")[0] for name in processes.SERVICES
    }

    assert roles == {
        "identity": "identity",
        "org-partner": "org_partner",
        "ingest": "ingest",
        "ingest-worker": "ingest",
        "rag": "rag",
        "usage-metrics": "usage_metrics",
    }


def test_rag_only_reads_the_vectors_that_ingest_writes(plan):
    assert "//vector_writer:" in environment.TABLE["ingest"](plan)["VECTOR_DATABASE_URL"]
    assert "//vector_reader:" in environment.TABLE["rag"](plan)["VECTOR_DATABASE_URL"]


def test_each_key_that_encrypts_goes_to_its_own_service_alone(plan):
    holders = {
        name: found["KEY_ENCRYPTION_KEY"]
        for name, variables in environment.TABLE.items()
        if "KEY_ENCRYPTION_KEY" in (found := variables(plan))
    }

    assert set(holders) == {"identity", "org-partner"}
    assert len(set(holders.values())) == 2


def test_groups_stop_in_the_reverse_of_their_start(plan):
    text = render(plan.home, processes.PROCESSES)

    order = [text.index(f"[group:{group}]") for group in ("servers", "platform", "services", "gateway")]
    assert order == sorted(order)
    assert "programs = postgres,nats,qdrant\npriority = 0" in text
    assert "programs = traefik\npriority = 3" in text


def test_every_process_has_a_log_that_rotates_and_comes_back_when_it_dies(plan):
    text = render(plan.home, processes.PROCESSES)

    for name in processes.NAMES:
        section = text.split(f"[program:{name}]")[1].split("[program:")[0]
        assert f"/50%% done/logs/{name}.log" in section
        assert "stdout_logfile_maxbytes = 10MB" in section
        assert "autorestart = true" in section


def test_secrets_stand_in_private_files_and_in_no_command_line(plan):
    supervision = Supervision(plan.home)
    supervision.configure(plan, processes.PROCESSES)

    secret = plan.secrets["RAG_DB_PASSWORD"]
    programs = json.loads(plan.home.programs.read_text())
    assert secret in programs["rag"]["environment"]["DATABASE_URL"]
    assert plan.home.programs.stat().st_mode & 0o777 == 0o600
    assert secret not in plan.home.supervisor_config.read_text()
    for value in plan.secrets.values():
        assert not any(value in word for program in programs.values() for word in program["command"])


def test_a_long_data_directory_keeps_its_socket_short(tmp_path):
    home = Home.at(tmp_path / ("d" * 100))
    home.create()

    assert len(str(home.supervisor_socket)) < 90
    assert home.supervisor_socket.parent.stat().st_mode & 0o777 == 0o700
    home.supervisor_socket.parent.rmdir()


def test_a_place_that_postgres_cannot_reach_is_explained(plan, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres, "_ensure_system_user", lambda: None)
    monkeypatch.setattr(postgres, "_can_reach", lambda _prefix, _root: False)

    with pytest.raises(StackError, match=r"cannot enter .*50% done.*ordinary user, or move the clone"):
        postgres.command(plan)
