from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field


def _written(value: Any) -> Any:
    # pydantic reads numbers as seconds since 1970, which nobody means here.
    if isinstance(value, date) or (isinstance(value, str) and len(value) == len("2026-11-01") and "-" in value):
        return value
    raise ValueError("write a date as 2026-11-01")


# A day in Asia/Seoul.
Day = Annotated[date, BeforeValidator(_written), Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
