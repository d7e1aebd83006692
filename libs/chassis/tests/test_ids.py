import time
from uuid import UUID

from chassis.clock import now
from chassis.ids import named_id, new_id


def test_new_ids_are_distinct_and_in_the_order_of_time() -> None:
    first = new_id()
    time.sleep(0.002)
    many = [new_id() for _ in range(1000)]
    assert len({first, *many}) == 1001
    assert all(isinstance(each, UUID) and each > first for each in many)


def test_named_ids_are_the_same_for_the_same_parts_alone() -> None:
    assert named_id("chunk", UUID(int=1), 7) == named_id("chunk", UUID(int=1), 7)
    assert named_id("ab", "c") != named_id("a", "bc")
    assert named_id("a") != named_id("a", "")
    # A row that was written under it must be met again after every update of this library.
    assert named_id("dead-letter", "rag-admit_document", "INGEST", 1) == UUID("f9e4bb8b-3c10-58c5-971f-1821c6af9300")


def test_now_is_aware_and_in_utc() -> None:
    assert now().utcoffset().total_seconds() == 0
