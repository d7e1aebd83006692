"""Apply `contracts.streams` to a NATS server: `python -m chassis.provision` (NATS_URL, NATS_NKEY_SEED).

The only place that creates or changes streams and consumers. Running it again changes nothing; running it
after a store was lost, or after somebody altered it, restores what the contracts say.
"""

import asyncio
import os

import nats
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from contracts.streams import CONSUMERS, STREAMS, Consumer, Stream


def stream_config(stream: Stream, *, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        # NEW refuses what does not fit; OLD would acknowledge it and lose the oldest.
        discard=DiscardPolicy.NEW,
        max_age=stream.max_age,
        max_bytes=stream.max_bytes,
        duplicate_window=stream.duplicate_window,
        num_replicas=replicas,
        deny_delete=True,
        deny_purge=True,
    )


def consumer_config(consumer: Consumer) -> ConsumerConfig:
    return ConsumerConfig(
        name=consumer.durable,
        durable_name=consumer.durable,
        ack_policy=AckPolicy.EXPLICIT,
        filter_subjects=list(consumer.filter_subjects),
        ack_wait=consumer.ack_wait,
        max_deliver=consumer.max_deliver,
        max_ack_pending=consumer.max_ack_pending,
    )


async def apply(jetstream: JetStreamContext, *, replicas: int = 1) -> None:
    for stream in STREAMS:
        config = stream_config(stream, replicas=replicas)
        try:
            await jetstream.stream_info(stream.name)
        except NotFoundError:
            await jetstream.add_stream(config)
        else:
            await jetstream.update_stream(config)
    for consumer in CONSUMERS:
        # add_consumer creates or updates; a bound durable keeps its old settings otherwise.
        await jetstream.add_consumer(consumer.stream, consumer_config(consumer))


async def provision(url: str, nkey_seed: str, *, replicas: int = 1) -> None:
    client = await nats.connect(
        url,
        nkeys_seed_str=nkey_seed,
        inbox_prefix=b"_INBOX_provision",
        connect_timeout=5,
        max_reconnect_attempts=10,
    )
    try:
        await apply(client.jetstream(timeout=10), replicas=replicas)
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(
        provision(
            os.environ["NATS_URL"],
            os.environ["NATS_NKEY_SEED"],
            replicas=int(os.environ.get("NATS_REPLICAS", "1")),
        )
    )
