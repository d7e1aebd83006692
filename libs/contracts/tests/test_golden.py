"""What was published once is read for ever: a golden file for each event type and version."""

import json
import runpy
from pathlib import Path

import pytest
from pydantic import create_model

from contracts.catalogue import event_types
from contracts.envelope import CloudEvent, decode, encode
from contracts.event import Event

_SCRIPT = runpy.run_path(str(Path(__file__).with_name("examples.py")))
EXAMPLES: dict[str, CloudEvent[Event]] = _SCRIPT["EXAMPLES"]
GOLDEN: Path = _SCRIPT["GOLDEN"]
TYPES = sorted(EXAMPLES)


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes().removesuffix(b"\n")


def test_every_type_has_a_golden_file_and_every_file_a_type() -> None:
    registered = {event.type for event in event_types()}
    assert {path.stem for path in GOLDEN.iterdir()} == registered
    assert set(EXAMPLES) == registered


@pytest.mark.parametrize("name", TYPES)
def test_a_golden_file_is_read_as_it_was_meant(name: str) -> None:
    read = decode(golden(name))
    assert read == EXAMPLES[name]
    assert type(read.data) is type(EXAMPLES[name].data)


@pytest.mark.parametrize("name", TYPES)
def test_an_event_is_written_byte_for_byte_as_before(name: str) -> None:
    assert encode(EXAMPLES[name]) == golden(name)
    assert encode(decode(golden(name))) == golden(name)


@pytest.mark.parametrize("name", TYPES)
def test_a_later_field_with_a_default_reads_what_was_written_before_it(name: str) -> None:
    grown = create_model("Grown", __base__=type(EXAMPLES[name].data), added=(str, "by default"))
    read = CloudEvent[grown].model_validate_json(golden(name))
    assert read.data.added == "by default"
    assert read.data.aggregate_id == EXAMPLES[name].data.aggregate_id


@pytest.mark.parametrize("name", TYPES)
def test_fields_of_a_later_version_are_ignored(name: str) -> None:
    later = json.loads(golden(name))
    later["extension"] = "new"
    later["data"]["added"] = {"deep": [1, None]}
    assert decode(json.dumps(later).encode()) == EXAMPLES[name]


@pytest.mark.parametrize("name", TYPES)
def test_a_required_field_cannot_be_left_out(name: str) -> None:
    """The control for the tests above: a golden file that lacks a field is noticed."""
    event = type(EXAMPLES[name].data)
    poorer = json.loads(golden(name))
    required = next(field for field, info in event.model_fields.items() if info.is_required())
    del poorer["data"][required]
    with pytest.raises(ValueError, match=required):
        decode(json.dumps(poorer).encode())
