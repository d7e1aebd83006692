"""The compose file is right, and each check can tell when it is not."""

import copy
import subprocess

import pytest
import yaml

from growfit_local import compose

TEXT = compose.COMPOSE.read_text("utf-8")
DOTENV = compose.DOTENV.read_text("utf-8")


@pytest.fixture
def parsed():
    return copy.deepcopy(yaml.safe_load(TEXT))


def test_the_compose_file_runs_what_the_local_stack_runs():
    assert compose.problems() == []


def test_a_typing_error_breaks_the_schema(tmp_path):
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(TEXT.replace("healthcheck:", "healthchek:"))

    assert compose.schema(wrong)


@pytest.mark.parametrize("image", ["nats", "nats:latest", "nats:2", "nats:alpine"])
def test_an_image_without_an_exact_version_is_found(parsed, image):
    parsed["services"]["nats"]["image"] = image

    assert compose.images(parsed, "FROM python:3.12.12-slim AS base\nFROM base AS run\n") == [
        f"image without an exact version: {image}"
    ]


def test_the_dockerfile_is_pinned_too(parsed):
    assert compose.images(parsed, "FROM python:3 AS base\n") == ["image without an exact version: python:3"]


def test_differences_between_the_two_stacks_are_found(parsed):
    del parsed["services"]["rag"]["environment"]["LLM_MODEL"]
    parsed["services"]["rag"]["environment"]["DEBUG"] = "1"
    parsed["services"]["identity-2"] = parsed["services"].pop("identity")

    assert set(compose.environments(parsed)) >= {
        "rag: compose does not pass LLM_MODEL",
        "rag: only compose passes DEBUG",
        "compose lacks identity",
        "only compose knows identity-2",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${NEW_SETTING:-1}", "NEW_SETTING is not in .env.example"),
        ("${RAG_DB_PASSWORD:-secret}", "RAG_DB_PASSWORD: a secret must be required"),
        ("${RAG_DB_PASSWORD}", "RAG_DB_PASSWORD: a secret must be required"),
        ("${RATE_LIMIT_BURST:-7}", "RATE_LIMIT_BURST: the local stack's default is '400', not '7'"),
    ],
)
def test_a_variable_that_is_not_explained_or_not_safe_is_found(text, problem):
    assert problem in compose.variables(f"{TEXT}\n# {text}\n", DOTENV)


def test_qdrant_does_not_start_without_its_key_and_nothing_else_needs_it(parsed):
    command = [part.replace("$$", "$") for part in parsed["services"]["qdrant"]["entrypoint"]]
    done = subprocess.run(command, env={"QDRANT__SERVICE__API_KEY": ""}, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "QDRANT_API_KEY in .env.example" in done.stderr
    assert parsed["services"]["qdrant"]["profiles"] == ["qdrant"]
    assert TEXT.count("${QDRANT_API_KEY") == TEXT.count("${QDRANT_API_KEY:-}") > 0


def test_an_example_file_that_promises_too_much_is_found():
    problems = compose.variables(TEXT, DOTENV + "OLD_NAME=1\n" + "RAG_DB_PASSWORD=hunter2\n")

    assert ".env.example: nobody reads OLD_NAME" in problems
    assert ".env.example holds a secret: RAG_DB_PASSWORD" in problems


def test_only_the_gateway_may_publish_a_port(parsed):
    parsed["services"]["postgres"]["ports"] = ["5432:5432"]

    assert compose.public_ports(parsed) == ["postgres publishes a port"]


def test_a_missing_gateway_flag_is_found(parsed):
    parsed["services"]["traefik"]["command"].remove("--global.sendAnonymousUsage=false")

    assert compose.gateway_flags(parsed) == ["traefik lacks --global.sendAnonymousUsage=false"]
