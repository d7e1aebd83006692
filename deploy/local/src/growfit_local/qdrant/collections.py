"""The folder of all collections, and their aliases."""

import asyncio
import fcntl
import json
import re
from pathlib import Path
from typing import Any

from growfit_local.home import write_private
from growfit_local.qdrant.collection import Collection
from growfit_local.qdrant.errors import AlreadyExists, BadRequest, FolderTaken, NotFound, NotHere
from growfit_local.qdrant.fields import Fields

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_PAUSE = 1.0


class Collections:
    """Opened once for a folder, in one process.

    Raises:
        FolderTaken: another process has it.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = root
        self._lock = (root / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderTaken(f"another process has {root} open; the engine allows one") from error
        self._aliases: dict[str, str] = self._read_aliases()
        self._loaded = {path.parent.name: Collection.load(path.parent) for path in root.glob("*/collection.json")}
        self._changing = asyncio.Lock()

    async def look_after(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            for collection in list(self._loaded.values()):
                await collection.look_after()

    async def close(self) -> None:
        for collection in self._loaded.values():
            await collection.close()
        self._lock.close()

    def get(self, name: str) -> Collection:
        found = self._loaded.get(self._aliases.get(name, name))
        if found is None:
            raise NotFound(f"Not found: Collection `{name}` doesn't exist!")
        return found

    def has(self, name: str) -> bool:
        return self._aliases.get(name, name) in self._loaded

    def names(self) -> list[str]:
        return sorted(self._loaded)

    def aliases(self, collection: str | None = None) -> list[dict[str, str]]:
        return [
            {"alias_name": alias, "collection_name": name}
            for alias, name in sorted(self._aliases.items())
            if collection in (None, name)
        ]

    async def create(self, name: str, body: Any) -> None:
        if not _NAME.fullmatch(name) or name in (".", ".."):
            raise BadRequest(f"{name!r} cannot be a collection's name")
        async with self._changing:
            if self.has(name):
                raise AlreadyExists(f"Wrong input: Collection `{name}` already exists!")
            self._loaded[name] = Collection.create(self._root / name, body)

    async def delete(self, name: str) -> bool:
        """Its aliases go with it, as they do in Qdrant. An alias is no collection: deleting one deletes nothing."""
        async with self._changing:
            if name not in self._loaded:
                return False
            self._save_aliases({alias: each for alias, each in self._aliases.items() if each != name})
            await self._loaded.pop(name).destroy()
            return True

    async def change_aliases(self, body: Any) -> None:
        """All of the actions or none."""
        fields = Fields(body, what="a change of aliases")
        actions = fields.need("actions")
        fields.end()
        async with self._changing:
            aliases = dict(self._aliases)
            for action in actions:
                self._apply(action, aliases)
            self._save_aliases(aliases)

    def _apply(self, action: Any, aliases: dict[str, str]) -> None:
        kind, inner = next(iter(action.items()))
        fields = Fields(inner, what=kind)
        match kind:
            case "create_alias":
                alias, name = fields.need("alias_name"), fields.need("collection_name")
                if name not in self._loaded:
                    raise NotFound(f"Not found: Collection `{name}` doesn't exist!")
                if alias in self._loaded:
                    raise AlreadyExists(f"Wrong input: Collection `{alias}` already exists!")
                aliases[alias] = name
            case "delete_alias":
                aliases.pop(fields.need("alias_name"), None)
            case _:
                raise NotHere(f"this local server does not know {kind}")
        fields.end()

    def _read_aliases(self) -> dict[str, str]:
        path = self._root / "aliases.json"
        return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}

    def _save_aliases(self, aliases: dict[str, str]) -> None:
        write_private(self._root / "aliases.json", json.dumps(aliases))
        self._aliases = aliases
