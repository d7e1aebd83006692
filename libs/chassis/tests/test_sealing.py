"""Secrets at rest open where they belong, with a key that is known, unaltered; and nowhere else."""

import base64
import secrets

import pytest

from chassis.sealing import SealBroken, Sealer, keys_of

SECRET = "sk-canary-비밀-0123456789"
ROW = "llm_setting:1"


def key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


OLD, NEW = key(), key()


@pytest.mark.parametrize("secret", [SECRET, "", "가" * 10_000, "\n\0 \U0001f511"])
def test_what_was_sealed_opens(secret: str) -> None:
    assert Sealer(OLD).open(Sealer(OLD).seal(secret, bound_to=ROW), bound_to=ROW) == secret


def test_the_secret_does_not_stand_in_the_record() -> None:
    record = Sealer(OLD).seal(SECRET, bound_to=ROW)
    for part in (SECRET, SECRET[:8], ROW):
        assert part.encode() not in record
        assert base64.b64encode(part.encode()) not in record


def test_the_same_secret_is_another_record_each_time() -> None:
    sealer = Sealer(OLD)
    assert len({sealer.seal(SECRET, bound_to=ROW) for _ in range(50)}) == 50


@pytest.mark.parametrize("moved", ["llm_setting:2", "llm_setting:", "", "llm_setting:1 ", "mail:1"])
def test_a_record_that_was_moved_does_not_open(moved: str) -> None:
    record = Sealer(OLD).seal(SECRET, bound_to=ROW)
    with pytest.raises(SealBroken):
        Sealer(OLD).open(record, bound_to=moved)


def test_a_record_with_any_byte_altered_does_not_open() -> None:
    sealer = Sealer(OLD)
    record = sealer.seal(SECRET, bound_to=ROW)
    for place in range(len(record)):
        altered = bytearray(record)
        altered[place] ^= 1
        with pytest.raises(SealBroken):
            sealer.open(bytes(altered), bound_to=ROW)


def test_a_record_that_was_cut_or_lengthened_does_not_open() -> None:
    sealer = Sealer(OLD)
    record = sealer.seal(SECRET, bound_to=ROW)
    for length in range(len(record)):
        with pytest.raises(SealBroken):
            sealer.open(record[:length], bound_to=ROW)
    with pytest.raises(SealBroken):
        sealer.open(record + b"\0", bound_to=ROW)


def test_the_wrapped_keys_of_two_records_cannot_be_exchanged() -> None:
    sealer = Sealer(OLD)
    one, two = sealer.seal(SECRET, bound_to=ROW), sealer.seal("other", bound_to="llm_setting:2")
    head, wrapped = 9, 60
    mixed = one[:head] + two[head : head + wrapped] + one[head + wrapped :]
    for row in (ROW, "llm_setting:2"):
        with pytest.raises(SealBroken):
            sealer.open(mixed, bound_to=row)


def test_after_a_rotation_old_records_open_and_new_ones_take_the_new_key() -> None:
    record = Sealer(OLD).seal(SECRET, bound_to=ROW)
    both = Sealer(f"{NEW}, {OLD}")
    assert both.open(record, bound_to=ROW) == SECRET
    assert not both.is_current(record)
    again = both.seal(SECRET, bound_to=ROW)
    assert both.is_current(again)
    assert Sealer(NEW).open(again, bound_to=ROW) == SECRET


def test_one_key_or_several() -> None:
    assert keys_of(OLD) == [base64.b64decode(OLD)]
    assert keys_of(f"{NEW}, {OLD}") == [base64.b64decode(each) for each in (NEW, OLD)]


def test_without_its_key_a_record_does_not_open() -> None:
    record = Sealer(OLD).seal(SECRET, bound_to=ROW)
    with pytest.raises(SealBroken, match="not here"):
        Sealer(NEW).open(record, bound_to=ROW)
    with pytest.raises(SealBroken) as broken:
        Sealer(OLD).open(record[:-1] + b"\0", bound_to=ROW)
    assert SECRET not in str(broken.value)


# Not a random one: every worker of a run must name the tests alike.
ZEROS = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "keys",
    [
        "",
        "x",
        ",",
        f"{ZEROS},",
        f"{ZEROS},x",
        base64.b64encode(b"short").decode(),
        base64.b64encode(b"x" * 33).decode(),
        "가",
    ],
)
def test_keys_that_are_none(keys: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -base64 32") as wrong:
        Sealer(keys)
    assert not keys or keys not in str(wrong.value)
