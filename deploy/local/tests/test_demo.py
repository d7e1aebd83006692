"""`make demo`: the question and the file arrive as they were typed. No stack is started here."""

import os
import subprocess
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from growfit_local import demo
from growfit_local.home import REPOSITORY

# What a shell or make would run or swallow.
NASTY = 'Is it `touch ran` or $(touch ran) or $(shell touch ran), for $5 and 50%, "so" #1, isn\'t it?'


@pytest.fixture
def asked(monkeypatch):
    """What the demo would do, given these words and variables."""

    def run(*arguments: str, **variables: str):
        seen: list[tuple[Path | None, str]] = []
        monkeypatch.setattr(demo, "_run", lambda file, ask, **_: seen.append((file, ask)))
        app = typer.Typer()
        app.command()(demo.main)
        done = CliRunner().invoke(app, arguments, env={"FILE": None, "ASK": None} | variables)
        return done, seen

    return run


def test_file_and_question_come_from_the_environment(asked, tmp_path):
    paper = tmp_path / "my paper.txt"
    paper.write_text("…")

    assert asked(FILE=str(paper), ASK=NASTY)[1] == [(paper, NASTY)]
    assert asked("--file", str(paper), "--ask", NASTY)[1] == [(paper, NASTY)]


def test_without_them_the_sample_is_shown(asked):
    assert asked()[1] == asked(FILE="", ASK="")[1] == [(None, "")]


def test_a_file_that_is_not_there_is_named(asked, tmp_path):
    done, seen = asked(FILE=str(tmp_path / "gone.pdf"))

    assert (done.exit_code, seen) == (1, [])
    assert "There is no file" in done.stderr


@pytest.mark.parametrize("where", ["command line", "environment"])
def test_make_hands_both_over_as_they_were_typed(tmp_path, where):
    shows = tmp_path / "shows"
    shows.write_text('#!/bin/bash\nprintf "%s\\n" "$FILE" "$ASK" "$*"\n')
    shows.chmod(0o755)
    given = {"FILE": "my paper.pdf", "ASK": NASTY}
    on_line = [f"{name}={value}" for name, value in given.items()] if where == "command line" else []
    in_environment = given if where == "environment" else {}
    # `-o setup`: what is installed stays as it is.
    command = ["make", "-s", "-C", str(tmp_path), "-f", str(REPOSITORY / "Makefile"), "-o", "setup", f"PY={shows}"]

    done = subprocess.run(
        [*command, *on_line, "demo"],
        env={"PATH": os.environ["PATH"]} | in_environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert done.stdout.splitlines()[:3] == ["my paper.pdf", NASTY, "-m growfit_local.demo"]
    assert not (tmp_path / "ran").exists()
