from typing import Annotated

from fastapi import Depends, Request

from org_partner.factory import Wired


def _wired(request: Request) -> Wired:
    wired: Wired = request.app.state.wired
    return wired


Services = Annotated[Wired, Depends(_wired)]
