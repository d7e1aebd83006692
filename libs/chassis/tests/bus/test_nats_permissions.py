"""Who may do what on the bus: every user against every subject, on the real server.

The expectation is written down here a second time, from the contracts and not from `chassis.nats_conf`.
"""

import asyncio
import re
from itertools import product

import nkeys
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from contracts.catalogue import event_types
from contracts.streams import ADVISORIES, CONSUMERS, SERVICES, STREAMS, consumers_of

USERS = (*SERVICES, "analytics", "provision")
EVENTS = [event.type for event in event_types()]
DURABLES = [f"{consumer.stream}.{consumer.durable}" for consumer in CONSUMERS]
STREAM_VERBS = ("CREATE", "UPDATE", "DELETE", "PURGE", "INFO", "MSG.DELETE", "MSG.GET", "SNAPSHOT", "RESTORE")
CONSUMER_VERBS = ("CREATE", "DELETE", "DURABLE.CREATE", "INFO", "MSG.NEXT", "PAUSE")
OTHERS = (
    "$JS.API.INFO",
    "$JS.API.STREAM.NAMES",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.CREATE.STOLEN",
    "$JS.API.STREAM.UPDATE.STOLEN",
    "$JS.API.CONSUMER.CREATE.INGEST",
    "$JS.API.CONSUMER.CREATE.INGEST.stolen.ingest.usage.recorded.v1",
    "$JS.API.CONSUMER.DURABLE.CREATE.RAG.stolen",
    "$JS.API.DIRECT.GET.INGEST",
    "$JS.API.ACCOUNT.PURGE.GROWFIT",
    f"{ADVISORIES}.INGEST.usage_metrics-record_usage",
    "$SYS.REQ.SERVER.PING",
    "$SYS.ACCOUNT.GROWFIT.CONNECT",
    "dead.anything",
    "anything",
)
INBOXES = [f"_INBOX_{user}.x" for user in ("operator", *USERS)]
PROBES = (
    *EVENTS,
    *(f"{service}.thing.happened.v1" for service in SERVICES),
    *(f"dead.{event}" for event in EVENTS),
    *(f"$JS.API.STREAM.{verb}.{stream.name}" for verb, stream in product(STREAM_VERBS, STREAMS)),
    *(f"$JS.API.CONSUMER.{verb}.{durable}" for verb, durable in product(CONSUMER_VERBS, DURABLES)),
    *(f"$JS.ACK.{durable}.1.1.1.1.1" for durable in DURABLES),
    *INBOXES,
    *OTHERS,
)


def allowed(user: str) -> set[str]:
    if user == "provision":
        made = {f"$JS.API.STREAM.{verb}.{stream.name}" for verb in ("INFO", "CREATE", "UPDATE") for stream in STREAMS}
        return made | {f"$JS.API.CONSUMER.CREATE.{durable}" for durable in DURABLES}
    own = consumers_of(user)
    durables = [f"{consumer.stream}.{consumer.durable}" for consumer in own]
    events = {subject for subject in PROBES if user in SERVICES and subject.startswith(f"{user}.")}
    read = {event.type for consumer in own for event in consumer.events}
    return (
        events
        | {f"dead.{event}" for event in read}
        | {f"$JS.API.STREAM.MSG.GET.{consumer.stream}" for consumer in own if consumer.events}
        | {f"$JS.API.CONSUMER.{verb}.{durable}" for verb in ("INFO", "MSG.NEXT") for durable in durables}
        | {f"$JS.ACK.{durable}.1.1.1.1.1" for durable in durables}
    )


@pytest.fixture
async def refusals(nats_bus, connect, eventually):
    """Connect as a user; the second value waits for all that the server refused, as `publish x`, `subscription x`."""
    clients = []

    async def open_as(user: str):
        refused: list[str] = []

        async def note(error: Exception) -> None:
            found = re.search(r"permissions violation for (publish|subscription) to \"([^\"]+)\"", str(error).lower())
            refused.append(f"{found[1]} {found[2]}" if found else repr(error))

        async def all_refused() -> list[str]:
            # The server's refusals come in the order of the requests, but after its answer to a flush.
            await client.publish("the.last.request", b"")
            last = "publish the.last.request"
            await eventually(lambda: asyncio.sleep(0, last in refused))
            return sorted(subject for subject in refused if subject != last)

        client = await connect(nats_bus.server, user, error_cb=note)
        clients.append(client)
        return client, all_refused

    yield open_as
    for client in clients:
        await client.close()


@pytest.mark.parametrize("user", USERS)
async def test_a_user_publishes_on_its_own_subjects_and_on_no_other(refusals, user: str) -> None:
    client, all_refused = await refusals(user)
    for subject in PROBES:
        await client.publish(subject, b"")
    expected = [f"publish {subject.lower()}" for subject in PROBES if subject not in allowed(user)]
    assert await all_refused() == sorted(expected)
    assert len(expected) > len(PROBES) * 0.7


async def test_the_operator_speaks_to_jetstream_alone(refusals) -> None:
    client, all_refused = await refusals("operator")
    # Its requests are not tried: they would be granted.
    others = [subject for subject in PROBES if not subject.startswith("$JS.API.")]
    for subject in others:
        await client.publish(subject, b"")
    assert await all_refused() == sorted(f"publish {subject.lower()}" for subject in others)


@pytest.mark.parametrize("user", [*USERS, "operator"])
async def test_a_user_listens_to_its_own_replies_alone(refusals, user: str) -> None:
    client, all_refused = await refusals(user)
    foreign = [">", "*.>", "_INBOX.>", "$JS.>", "$SYS.>", "dead.>", *(f"{service}.>" for service in SERVICES)]
    foreign += [inbox.replace(".x", ".>") for inbox in INBOXES if inbox != f"_INBOX_{user}.x"]
    for subject in (*foreign, f"_INBOX_{user}.>"):
        await client.subscribe(subject)
    assert await all_refused() == sorted(f"subscription {subject.lower()}" for subject in foreign)


async def test_analytics_reads_every_event_and_publishes_none(nats_bus, usage, connect) -> None:
    event = await nats_bus.send(usage())
    jetstream = (await nats_bus.client("analytics")).jetstream(timeout=1)
    prefix = b"_INBOX_analytics."
    pull = await jetstream.pull_subscribe_bind(durable="analytics-read", stream="INGEST", inbox_prefix=prefix)
    [message] = await pull.fetch(1)
    assert str(event.id).encode() in message.data
    await message.ack_sync()
    assert await nats_bus.waiting("INGEST", "analytics-read") == (0, 0)
    with pytest.raises(NatsError):
        await jetstream.publish("ingest.usage.recorded.v1", b"{}", stream="INGEST")
    assert await nats_bus.count("INGEST") == 1
    await pull.unsubscribe()


async def test_a_service_acknowledges_nothing_of_another_s(nats_bus, usage) -> None:
    """Not only refused, but without any effect: the message stays with its reader."""
    await nats_bus.send(usage())
    jetstream = (await nats_bus.client("usage_metrics")).jetstream()
    pull = await jetstream.pull_subscribe_bind(
        durable="usage_metrics-record_usage", stream="INGEST", inbox_prefix=b"_INBOX_usage_metrics."
    )
    [message] = await pull.fetch(1)
    thief = await nats_bus.client("rag")
    await thief.publish(message.reply, b"+ACK")
    await thief.flush()
    assert await nats_bus.waiting("INGEST", "usage_metrics-record_usage") == (0, 1)
    await message.ack_sync()
    await pull.unsubscribe()


async def _refused_at_the_door(url: str, **options: str) -> list[str]:
    errors: list[str] = []

    async def note(error: Exception) -> None:
        errors.append(str(error))

    client = Client()
    with pytest.raises(NatsError):
        await client.connect(url, allow_reconnect=False, error_cb=note, **options)
    await client.close()
    client._transport.close()
    return errors


async def test_nobody_enters_without_a_known_key(nats_server) -> None:
    stranger = nkeys.encode_seed(b"\x07" * 32, nkeys.PREFIX_BYTE_USER).decode()
    for options in ({}, {"user": "admin", "password": "admin"}, {"token": "x"}, {"nkeys_seed_str": stranger}):
        errors = await _refused_at_the_door(nats_server.url, **options)
        assert any("authorization" in error.lower() for error in errors), (options, errors)
