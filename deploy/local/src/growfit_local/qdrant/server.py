"""The HTTP door: Qdrant's paths, envelope and errors."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import qdrant_edge as engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from growfit_local.qdrant import points
from growfit_local.qdrant.collection import Collection
from growfit_local.qdrant.collections import Collections
from growfit_local.qdrant.errors import BadRequest, NotHere, QdrantError
from growfit_local.qdrant.fields import Fields
from growfit_local.qdrant.filters import parse_filter

# The engine's own version is another; this is the API that is spoken here, and clients compare it with theirs.
API_VERSION = "1.20.0"
_SCROLL = 10

type Answer = Callable[[Request], Awaitable[Any]]


class Doors:
    def __init__(self, root: Path, *, api_key: str = "") -> None:
        self._root, self._key = root, api_key
        self._collections: Collections

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self._collections = await asyncio.to_thread(Collections, self._root)
        care = asyncio.create_task(self._collections.look_after())
        try:
            yield
        finally:
            care.cancel()
            with suppress(asyncio.CancelledError):
                await care
            await self._collections.close()

    def routes(self) -> list[Route]:
        one, inside = "/collections/{name}", "/collections/{name}/points"
        table: list[tuple[str, str, Answer]] = [
            ("GET", "/collections", self._list),
            ("GET", "/aliases", self._aliases),
            ("POST", "/collections/aliases", self._change_aliases),
            ("GET", f"{one}/aliases", self._aliases),
            ("GET", f"{one}/exists", self._exists),
            ("GET", one, self._shown),
            ("PUT", one, self._create),
            ("DELETE", one, self._delete),
            ("PUT", f"{one}/index", self._index),
            ("PUT", inside, self._upsert),
            ("POST", inside, self._retrieve),
            ("POST", f"{inside}/delete", self._delete_points),
            ("POST", f"{inside}/payload", self._set_payload),
            ("PUT", f"{inside}/payload", self._set_payload),
            ("POST", f"{inside}/batch", self._batch),
            ("POST", f"{inside}/scroll", self._scroll),
            ("POST", f"{inside}/count", self._count),
            ("POST", f"{inside}/query", self._query),
            ("POST", f"{inside}/query/batch", self._query_batch),
        ]
        healths = [Route(path, self._healthy) for path in ("/healthz", "/livez", "/readyz")]
        every = [Route(path, self._answering(answer), methods=[method]) for method, path, answer in table]
        return [Route("/", self._version), *healths, *every]

    async def _healthy(self, _request: Request) -> Response:
        return PlainTextResponse("all shards are ready")

    async def _version(self, _request: Request) -> Response:
        title = f"GrowFit's local server: the real Qdrant engine (qdrant-edge-py {version('qdrant-edge-py')})"
        return _json({"title": title, "version": API_VERSION})

    def _answering(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            began = time.perf_counter()
            given = request.headers.get("api-key", "").encode()
            if self._key and not hmac.compare_digest(given, self._key.encode()):
                return _json({"status": {"error": "Invalid API key or JWT"}, "time": 0.0}, status=401)
            try:
                result = await answer(request)
            except QdrantError as error:
                return _refusal(error, began)
            except (TypeError, ValueError, AttributeError, OverflowError) as error:
                # The engine's own reading of a value that no object of its kind can be made of.
                return _refusal(BadRequest(f"Wrong input: {error}"), began)
            return _json({"result": result, "status": "ok", "time": time.perf_counter() - began})

        return respond

    def _of(self, request: Request) -> Collection:
        return self._collections.get(request.path_params["name"])

    # --- collections ---

    async def _list(self, _request: Request) -> Any:
        return {"collections": [{"name": name} for name in self._collections.names()]}

    async def _aliases(self, request: Request) -> Any:
        return {"aliases": self._collections.aliases(request.path_params.get("name"))}

    async def _change_aliases(self, request: Request) -> Any:
        await self._collections.change_aliases(await _body(request))
        return True

    async def _exists(self, request: Request) -> Any:
        return {"exists": self._collections.has(request.path_params["name"])}

    async def _shown(self, request: Request) -> Any:
        return await self._of(request).shown()

    async def _create(self, request: Request) -> Any:
        await self._collections.create(request.path_params["name"], await _body(request))
        return True

    async def _delete(self, request: Request) -> Any:
        return await self._collections.delete(request.path_params["name"])

    async def _index(self, request: Request) -> Any:
        return _done(await self._of(request).index(await _body(request)))

    # --- writing ---

    async def _upsert(self, request: Request) -> Any:
        body, collection = await _body(request), self._of(request)
        collection.check_strict(body.get("update_filter"), update=True)
        return _done(await collection.write([await asyncio.to_thread(points.parse_upsert, body)]))

    async def _delete_points(self, request: Request) -> Any:
        return _done(await self._of(request).write([points.parse_delete(await _body(request))]))

    async def _set_payload(self, request: Request) -> Any:
        body, collection = await _body(request), self._of(request)
        operation = points.parse_payload(body, overwrite=request.method == "PUT")
        collection.check_strict(body.get("filter"), update=True)
        return _done(await collection.write([operation]))

    async def _batch(self, request: Request) -> Any:
        operations = await asyncio.to_thread(points.parse_operations, await _body(request))
        number = await self._of(request).write(operations)
        return [_done(number) for _ in operations]

    # --- reading ---

    async def _retrieve(self, request: Request) -> Any:
        fields = Fields(await _body(request), what="a retrieval")
        ids, payload = fields.need("ids"), points.selector(fields.take("with_payload", True))
        vector = fields.take("with_vector", False)
        fields.end()
        return [points.record(each) for each in await self._of(request).read("retrieve", ids, payload, vector)]

    async def _scroll(self, request: Request) -> Any:
        body, collection = await _body(request), self._of(request)
        collection.check_strict(body.get("filter"))
        fields = Fields(body, what="a scroll")
        wanted = engine.ScrollRequest(
            offset=fields.take("offset"),
            limit=fields.number("limit", _SCROLL),
            filter=parse_filter(fields.take("filter")),
            with_payload=points.selector(fields.take("with_payload", True)),
            with_vector=fields.take("with_vector", False),
        )
        fields.end()
        found, following = await collection.read("scroll", wanted)
        return {
            "points": [points.record(each) for each in found],
            "next_page_offset": None
            if following is None
            else following
            if isinstance(following, int)
            else str(following),
        }

    async def _count(self, request: Request) -> Any:
        body, collection = await _body(request), self._of(request)
        collection.check_strict(body.get("filter"))
        fields = Fields(body, what="a count")
        wanted = engine.CountRequest(exact=fields.take("exact", True), filter=parse_filter(fields.take("filter")))
        fields.end()
        return {"count": await collection.read("count", wanted)}

    async def _query(self, request: Request) -> Any:
        return {"points": (await self._found(request, [await _body(request)]))[0]}

    async def _query_batch(self, request: Request) -> Any:
        fields = Fields(await _body(request), what="a batch of queries")
        searches = fields.need("searches")
        fields.end()
        return [{"points": found} for found in await self._found(request, searches)]

    async def _found(self, request: Request, searches: list[Any]) -> list[list[dict[str, Any]]]:
        collection = self._of(request)
        for each in searches:
            collection.check_strict(each.get("filter"))
        wanted = engine.QueryBatchRequest([points.parse_query(each) for each in searches])
        return [[points.scored(each) for each in found] for found in await collection.read("query_batch", wanted)]


def create_app(root: Path, *, api_key: str = "") -> Starlette:
    doors = Doors(root, api_key=api_key)
    return Starlette(routes=doors.routes(), lifespan=doors.lifespan, exception_handlers={404: _unknown, 405: _unknown})


async def _unknown(request: Request, _error: Exception) -> Response:
    message = f"this local server does not know {request.method} {request.url.path}; a real Qdrant may"
    return _refusal(NotHere(message), time.perf_counter())


async def _body(request: Request) -> Any:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"Format error in JSON body: {error}") from error


def _done(number: int) -> dict[str, Any]:
    return {"operation_id": number, "status": "completed"}


def _refusal(error: QdrantError, began: float) -> Response:
    return _json({"status": {"error": str(error)}, "time": time.perf_counter() - began}, status=error.status)


def _json(value: Any, *, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")
