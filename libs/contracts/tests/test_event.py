import re
from collections.abc import Iterator
from typing import get_args
from uuid import UUID

import pytest
from pydantic import BaseModel

from contracts.catalogue import PUBLISHERS, event_types
from contracts.event import TYPE_PATTERN, Event, registered
from contracts.ingest import DocumentUploaded

# Words that would name a person's text or a credential. Counts and times of tokens are neither.
FORBIDDEN = re.compile(
    r"password|passwd|secret|credential|cipher|(^|_)(key|token|jwt|cookie)$|api_?key|private"
    r"|(^|_)(text|content|body|prompt|question|answer|excerpt|passage|snippet|page)s?$"
)


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, object]]:
    for name, info in model.model_fields.items():
        yield name, info.annotation
        for inner in (info.annotation, *get_args(info.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from fields_of(inner)


@pytest.mark.parametrize(
    "name",
    [
        "ingest.document.uploaded",
        "ingest.document.uploaded.v0",
        "ingest.document.uploaded.v01",
        "ingest.document.uploaded.1",
        "ingest.document.v1",
        "ingest.document.was.uploaded.v1",
        "Ingest.document.uploaded.v1",
        "org-partner.org.created.v1",
        "ingest.document.*.v1",
        "ingest.document.>.v1",
        "ingest.document uploaded.v1",
        "ingest..uploaded.v1",
        "ingest.document.uploaded.v1\n",
    ],
)
def test_a_type_that_breaks_the_rule_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="is not <package>"):

        class Wrong(Event, type=name, key="document_id"):
            document_id: UUID


def test_a_type_is_defined_once() -> None:
    with pytest.raises(TypeError, match=r"defined twice: DocumentUploaded and Again"):

        class Again(Event, type=DocumentUploaded.type, key="document_id"):
            document_id: UUID

    assert registered()[DocumentUploaded.type] is DocumentUploaded


def test_the_key_must_be_a_field() -> None:
    with pytest.raises(TypeError, match="no field 'document_id'"):

        class Keyless(Event, type="ingest.document.lost.v1", key="document_id"):
            other_id: UUID

    assert "ingest.document.lost.v1" not in registered()


@pytest.mark.parametrize("event", event_types(), ids=lambda event: event.type)
def test_every_event_keeps_the_rules(event: type[Event]) -> None:
    assert TYPE_PATTERN.fullmatch(event.type)
    assert event.__module__ == PUBLISHERS[event.publisher()].__name__, "it belongs in its publisher's module"
    assert event.model_fields[event.key].annotation is UUID
    assert event.model_config["frozen"]
    assert event.model_config["extra"] == "ignore"


@pytest.mark.parametrize("event", event_types(), ids=lambda event: event.type)
def test_no_event_carries_a_text_or_a_secret(event: type[Event]) -> None:
    fields = list(fields_of(event))
    assert [name for name, _ in fields if FORBIDDEN.search(name)] == []
    assert [name for name, annotation in fields if bytes in (annotation, *get_args(annotation))] == []


@pytest.mark.parametrize("name", ["password", "api_key", "refresh_token", "chunk_text", "body", "prompts"])
def test_the_check_for_texts_and_secrets_sees_them(name: str) -> None:
    assert FORBIDDEN.search(name)


def test_aggregate_id_is_the_key_field() -> None:
    usage = registered()["rag.usage.recorded.v1"]
    an_id = UUID(int=7)
    assert usage.model_construct(usage_id=an_id).aggregate_id == an_id
    assert usage.publisher() == "rag"
