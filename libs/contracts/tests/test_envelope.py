import gc
import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.envelope import CloudEvent, UnknownEventType, decode, encode, wrap
from contracts.event import Event
from contracts.identity import PlatformSettingsChanged
from contracts.ingest import DocumentUploaded
from contracts.tenancy import Tenant

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def uploaded(**changes: object) -> DocumentUploaded:
    facts = {
        "document_id": UUID(int=1),
        "version": 1,
        "tenant": Tenant(user_id=UUID(int=2)),
        "title": "안내서",
        "media_type": "text/plain",
        "size_bytes": 3,
        "uploaded_at": AT,
    }
    return DocumentUploaded.model_validate(facts | changes)


def enveloped(event: Event) -> CloudEvent[Event]:
    return wrap(event, event_id=UUID(int=9), time=AT)


def test_an_envelope_is_a_cloud_event() -> None:
    written = json.loads(encode(enveloped(uploaded())))
    assert written["specversion"] == "1.0"
    assert written["id"] == str(UUID(int=9))
    assert written["source"] == "/growfit/ingest"
    assert written["type"] == "ingest.document.uploaded.v1"
    assert written["subject"] == str(UUID(int=1))
    assert written["time"] == "2026-11-22T09:30:00Z"
    assert written["datacontenttype"] == "application/json"
    assert "traceparent" not in written, "an absent attribute is left out, not null"


def test_the_event_s_own_fields_survive_a_widened_annotation() -> None:
    widened: CloudEvent[Event] = CloudEvent[Event](
        id=UUID(int=9),
        source="/growfit/ingest",
        type=DocumentUploaded.type,
        subject="x",
        time=AT,
        data=uploaded(),
    )
    assert decode(encode(widened)).data == uploaded()


def test_an_unknown_type_has_an_error_of_its_own() -> None:
    body = json.loads(encode(enveloped(uploaded())))
    body["type"] = "ingest.document.uploaded.v99"
    with pytest.raises(UnknownEventType, match="v99"):
        decode(json.dumps(body).encode())


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"type": 1}', b'{"type": "ingest.document.uploaded.v1"}'],
)
def test_bytes_that_are_no_cloud_event_are_refused(body: bytes) -> None:
    with pytest.raises(ValidationError):
        decode(body)


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"id": "not-a-uuid"},
        {"time": "2026-11-22T09:30:00"},
        {"datacontenttype": "text/plain"},
        {"data": None},
        {"data": {"document_id": str(UUID(int=1))}},
    ],
)
def test_an_attribute_that_does_not_fit_is_refused(change: dict[str, object]) -> None:
    body = json.loads(encode(enveloped(uploaded()))) | change
    with pytest.raises(ValidationError):
        decode(json.dumps(body).encode())


def test_a_time_with_any_offset_is_the_same_moment() -> None:
    seoul = AT.astimezone(timezone(timedelta(hours=9)))
    assert decode(encode(enveloped(uploaded(uploaded_at=seoul)))).data == uploaded()
    with pytest.raises(ValidationError, match="timezone"):
        uploaded(uploaded_at=AT.replace(tzinfo=None))


@pytest.mark.parametrize("value", [None, False, 0, "", [], {"limit": None}, [None]])
def test_a_setting_of_any_value_arrives_as_it_left(value: object) -> None:
    event = PlatformSettingsChanged(setting_id=UUID(int=3), name="quota", value=value, version=1, changed_at=AT)
    assert decode(encode(enveloped(event))).data == event


@given(title=st.text(), size=st.integers(min_value=0), org=st.none() | st.uuids())
def test_whatever_the_facts_are_they_arrive(title: str, size: int, org: UUID | None) -> None:
    event = uploaded(title=title, size_bytes=size, tenant=Tenant(org_id=org, user_id=UUID(int=2)))
    assert decode(encode(enveloped(event))).data == event


def test_a_garbage_collection_does_not_make_the_envelope_s_class_anew() -> None:
    body = encode(enveloped(uploaded()))
    first = id(type(decode(body)))
    gc.collect()
    assert id(type(decode(body))) == first
