from typing import Annotated

from fastapi import Depends, Request

from ingest.factory import Wired


# async, because FastAPI sends a plain function to a thread first.
async def _wired(request: Request) -> Wired:
    wired: Wired = request.app.state.wired
    return wired


Services = Annotated[Wired, Depends(_wired)]
