from typing import Annotated

from fastapi import Depends, Request

from usage_metrics.factory import Wired


def _wired(request: Request) -> Wired:
    wired: Wired = request.app.state.wired
    return wired


Services = Annotated[Wired, Depends(_wired)]
