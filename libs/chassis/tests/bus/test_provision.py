"""The server holds what the contracts say: made once, restored when altered or lost, never disturbed."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from nats.js.errors import APIError

from chassis import asyncapi, nats_conf, outbox, provision
from contracts.catalogue import event_types
from contracts.streams import CONSUMERS, STREAMS

REPOSITORY = Path(__file__).parents[4]
DURABLE = "usage_metrics-record_usage"


async def configurations(admin) -> dict[str, dict]:
    streams = {stream.name: (await admin.stream_info(stream.name)).config.as_dict() for stream in STREAMS}
    consumers = {
        f"{consumer.stream}.{consumer.durable}": (
            await admin.consumer_info(consumer.stream, consumer.durable)
        ).config.as_dict()
        for consumer in CONSUMERS
    }
    return streams | consumers


async def test_what_is_applied_is_what_loses_nothing(nats_bus) -> None:
    found = await configurations(nats_bus.admin)
    for stream in STREAMS:
        config = found[stream.name]
        assert (config["discard"], config["storage"], config["retention"]) == ("new", "file", "limits")
        assert config["deny_delete"] is config["deny_purge"] is True
        assert config["max_age"] == 86_400 * (30 if stream.name == "DEAD" else 7) * 10**9
        assert config["duplicate_window"] == 600 * 10**9
        assert config["subjects"] == list(stream.subjects)
    for consumer in CONSUMERS:
        config = found[f"{consumer.stream}.{consumer.durable}"]
        assert config["ack_policy"] == "explicit"
        assert not config.get("backoff"), "it would take the place of ack_wait"
        assert config["ack_wait"] == consumer.ack_wait * 10**9
        assert config["max_deliver"] == consumer.max_deliver
        assert config["max_ack_pending"] == consumer.max_ack_pending
        assert set(config["filter_subjects"]) == set(consumer.filter_subjects)


async def test_applying_again_changes_and_disturbs_nothing(nats_bus, usage) -> None:
    await nats_bus.send(usage())
    jetstream = (await nats_bus.client("usage_metrics")).jetstream()
    prefix = b"_INBOX_usage_metrics."
    pull = await jetstream.pull_subscribe_bind(durable=DURABLE, stream="INGEST", inbox_prefix=prefix)
    [message] = await pull.fetch(1)
    await message.ack_sync()
    before, state = await configurations(nats_bus.admin), await nats_bus.waiting("INGEST", DURABLE)
    await provision.provision(nats_bus.url, nats_bus.server.seed("provision"))
    assert await configurations(nats_bus.admin) == before
    assert await nats_bus.waiting("INGEST", DURABLE) == state == (0, 0)
    assert await nats_bus.count("INGEST") == 1
    await pull.unsubscribe()


async def test_an_altered_configuration_is_restored(nats_bus) -> None:
    before = await configurations(nats_bus.admin)
    stream = provision.stream_config(STREAMS[2], replicas=1)
    await nats_bus.admin.update_stream(
        replace(stream, subjects=["ingest.document.>"], max_age=60, max_bytes=1024, discard="old", duplicate_window=30)
    )
    [consumer] = [each for each in CONSUMERS if each.stream == "INGEST" and each.durable == DURABLE]
    altered = replace(provision.consumer_config(consumer), ack_wait=1, max_deliver=1, max_ack_pending=1)
    await nats_bus.admin.add_consumer("INGEST", altered)
    assert await configurations(nats_bus.admin) != before
    await provision.provision(nats_bus.url, nats_bus.server.seed("provision"))
    assert await configurations(nats_bus.admin) == before


async def test_lost_streams_and_consumers_come_back(nats_bus) -> None:
    before = await configurations(nats_bus.admin)
    await nats_bus.admin.delete_stream("INGEST")
    await nats_bus.admin.delete_consumer("ORG_PARTNER", "rag-project_tenancy")
    await provision.provision(nats_bus.url, nats_bus.server.seed("provision"))
    assert await configurations(nats_bus.admin) == before


async def test_nobody_deletes_or_purges_messages(nats_bus, usage) -> None:
    await nats_bus.send(usage())
    with pytest.raises(APIError):
        await nats_bus.admin.delete_msg("INGEST", 1)
    with pytest.raises(APIError):
        await nats_bus.admin.purge_stream("INGEST")
    assert await nats_bus.count("INGEST") == 1


async def test_what_the_server_acknowledged_is_on_disk(nats_server) -> None:
    """Its own default writes it down two minutes later, and an unquoted value is read as 23 days."""
    async with httpx.AsyncClient() as client:
        running = (await client.get(f"{nats_server.monitor_url}/varz")).json()
    assert running["jetstream"]["config"]["sync_always"] is True
    assert running["max_payload"] / 1.5 > outbox.MAX_BODY_BYTES


def test_the_server_s_configuration_is_generated_from_the_contracts() -> None:
    """`make nats-conf` writes it."""
    assert (REPOSITORY / "deploy" / "nats" / "nats.conf").read_text() == nats_conf.render()


def test_the_published_contract_is_generated_from_the_contracts() -> None:
    """`make docs` writes it."""
    published = json.loads((REPOSITORY / "docs" / "asyncapi.json").read_text())
    assert published == asyncapi.document()
    assert {channel["address"] for channel in published["channels"].values()} == {event.type for event in event_types()}
