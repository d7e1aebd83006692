async def test_first(start_worker, store, nats_bus, usage, eventually):
    import time

    t = time.time()

    async def handle(event, delivery):
        await store.effect(event, delivery)

    async def other(event, delivery):
        pass

    w = await start_worker(record_usage=handle, project_tenancy=other)
    print("start", time.time() - t)
    t = time.time()
    e = await nats_bus.send(usage())
    assert await eventually(store.effects) == [e.id]
    print("effect", time.time() - t)
    t = time.time()
    assert await eventually(
        lambda: nats_bus.waiting("INGEST", "usage_metrics-record_usage"), until=lambda w: w == (0, 0)
    ) == (0, 0)
    t = time.time()
    await w.stop()
    print("stop", time.time() - t)


async def test_second(nats_bus):
    pass


async def test_third(nats_bus):
    pass
