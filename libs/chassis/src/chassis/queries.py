"""Query parameters that a route does not know are refused, as unknown fields of a body are: a filter that was misspelt
must not answer with everything. Where nobody has to log in they pass: mail programs and login providers add their own.
"""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel


def refuse_unknown(request: Request) -> None:
    """
    Raises:
        RequestValidationError: the address has a query parameter that the route does not declare.
    """
    asked = list(request.query_params)
    route = request.scope.get("route")
    if not asked or not isinstance(route, APIRoute):
        return
    known = set(_names(route.dependant))
    unknown = [name for name in asked if name not in known]
    if unknown:
        message = "Extra inputs are not permitted"
        raise RequestValidationError(
            [{"type": "extra_forbidden", "loc": ("query", name), "msg": message} for name in unknown]
        )


def _names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (each.alias or name for name, each in model.model_fields.items())
        else:
            yield field.alias
    for each in dependant.dependencies:
        yield from _names(each)
