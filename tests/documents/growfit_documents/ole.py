"""A small OLE file, the container of HWP 5 and of Office files with a password: [MS-CFB] version 3."""

import struct
from itertools import pairwise

SECTOR, MINI_SECTOR, MINI_LIMIT = 512, 64, 4096
END, FREE, FAT_SECTOR, NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF
STORAGE, STREAM, ROOT = 1, 2, 5


def ole_file(streams: dict[str, bytes]) -> bytes:
    """Streams by name; `folder/name` puts one into a storage. At most some 7 MB: the header names all tables."""
    mini = b"".join(_padded(body, MINI_SECTOR) for body in streams.values() if len(body) < MINI_LIMIT)
    bodies = [body for body in streams.values() if len(body) >= MINI_LIMIT]
    entries = _entries(streams)
    directory_sectors = _sectors(len(entries) * 128)
    mini_table = _mini_table([body for body in streams.values() if len(body) < MINI_LIMIT])
    # Order of the sectors: directory, table of mini sectors, mini stream, streams, and the table of sectors at the end.
    sizes = [len(mini_table), len(mini), *map(len, bodies)]
    chains = [directory_sectors, *map(_sectors, sizes)]
    starts = [sum(chains[:at]) for at in range(len(chains))]
    table, fat_at = _table(chains)
    content = _directory(entries, streams, starts, len(mini)) + _padded(mini_table, SECTOR) + _padded(mini, SECTOR)
    content += b"".join(_padded(body, SECTOR) for body in bodies) + table
    return _header(fat_at, len(table) // SECTOR, starts[1] if mini else END, chains[1]) + content


def _sectors(size: int) -> int:
    return -(-size // SECTOR)


def _padded(body: bytes, unit: int) -> bytes:
    return body + bytes(-len(body) % unit)


def _chain(first: int, count: int) -> list[int]:
    return [*range(first + 1, first + count), END] if count else []


def _table(chains: list[int]) -> tuple[bytes, int]:
    """The table of sectors, and the sector that it begins at."""
    used = [sector for at, count in enumerate(chains) for sector in _chain(sum(chains[:at]), count)]
    own = 1
    while (len(used) + own) * 4 > own * SECTOR:
        own += 1
    numbers = used + [FAT_SECTOR] * own
    numbers += [FREE] * (own * SECTOR // 4 - len(numbers))
    return struct.pack(f"<{len(numbers)}I", *numbers), len(used)


def _mini_table(bodies: list[bytes]) -> bytes:
    numbers: list[int] = []
    for body in bodies:
        numbers += _chain(len(numbers), -(-len(body) // MINI_SECTOR))
    numbers += [FREE] * (-len(numbers) % (SECTOR // 4))
    return struct.pack(f"<{len(numbers)}I", *numbers)


def _entries(streams: dict[str, bytes]) -> list[tuple[str, int, list[str]]]:
    """Name, kind and children of each entry: the root, then every storage followed by what is in it, then the rest."""
    tops = list(dict.fromkeys(name.partition("/")[0] for name in streams))
    entries = [("Root Entry", ROOT, tops)]
    for top in tops:
        inner = [name.partition("/")[2] for name in streams if name.startswith(f"{top}/")]
        entries.append((top, STORAGE if inner else STREAM, inner))
        entries += [(name, STREAM, []) for name in inner]
    return entries


def _directory(
    entries: list[tuple[str, int, list[str]]], streams: dict[str, bytes], starts: list[int], mini_bytes: int
) -> bytes:
    places = _stream_places(streams, starts)
    content, path = b"", ""
    siblings = _siblings(entries)
    for at, (name, kind, children) in enumerate(entries):
        child = NONE
        if children:
            child = next(i for i in range(at + 1, len(entries)) if entries[i][0] == _ordered(children)[0])
        path = name if kind == STORAGE or name in streams else f"{path.partition('/')[0]}/{name}"
        start, size = (starts[2] if mini_bytes else END, mini_bytes) if kind == ROOT else places.get(path, (0, 0))
        encoded = f"{name}\0".encode("utf-16-le")
        # Black nodes that have right siblings alone: a tree that is a list, which readers walk all the same.
        content += encoded.ljust(64, b"\0") + struct.pack(
            "<HBBIII16xI16xIQ", len(encoded), kind, 1, NONE, siblings.get(at, NONE), child, 0, start, size
        )
    empty = bytes(64) + struct.pack("<HBBIII16xI16xIQ", 0, 0, 0, NONE, NONE, NONE, 0, 0, 0)
    return content + empty * (-len(entries) % (SECTOR // 128))


def _stream_places(streams: dict[str, bytes], starts: list[int]) -> dict[str, tuple[int, int]]:
    """First sector (or mini sector) and size of each stream."""
    places, mini_at, large_at = {}, 0, 3
    for name, body in streams.items():
        if len(body) < MINI_LIMIT:
            places[name] = (mini_at, len(body))
            mini_at += -(-len(body) // MINI_SECTOR)
        else:
            places[name] = (starts[large_at], len(body))
            large_at += 1
    return places


def _ordered(names: list[str]) -> list[str]:
    """By length first, as the format orders its trees."""
    return sorted(names, key=lambda name: (len(name), name.upper()))


def _siblings(entries: list[tuple[str, int, list[str]]]) -> dict[int, int]:
    """Place of an entry → place of its right sibling."""
    found = {}
    for at, (_, _, children) in enumerate(entries):
        own = [next(i for i in range(at + 1, len(entries)) if entries[i][0] == name) for name in _ordered(children)]
        found.update(dict(pairwise(own)))
    return found


def _header(fat_at: int, fat_sectors: int, mini_table_at: int, mini_table_sectors: int) -> bytes:
    fats = [fat_at + at for at in range(fat_sectors)]
    return struct.pack(
        "<8s16xHHHHH6xIIIIIIIII109I",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        0x3E,
        3,
        0xFFFE,
        9,
        6,
        0,
        fat_sectors,
        0,
        0,
        MINI_LIMIT,
        mini_table_at,
        mini_table_sectors,
        END,
        0,
        *fats,
        *[FREE] * (109 - len(fats)),
    )
