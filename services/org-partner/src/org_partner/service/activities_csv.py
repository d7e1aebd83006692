"""The activity log as a file that a spreadsheet opens."""

import json
from typing import Any

from sqlalchemy import Row

from chassis import csv_cells
from chassis.errors import Locale
from org_partner.schemas import seoul

_NAMES = {
    Locale.KO: ("시각", "활동", "이름", "이메일", "사용자 번호", "대상", "파트너 번호", "강의 번호", "내용"),
    Locale.EN: ("time", "action", "name", "email", "user id", "target", "partner id", "class id", "detail"),
}


def head(locale: Locale) -> bytes:
    return csv_cells.head(_NAMES[locale])


def line(row: Row[*tuple[Any, ...]]) -> bytes:
    ids = (row.partner_id, row.class_id)
    return csv_cells.line(
        (
            f"{seoul.local(row.occurred_at):%Y-%m-%d %H:%M:%S}",
            row.action,
            row.actor_name or "",
            row.actor_email or "",
            str(row.actor_id or ""),
            row.target,
            *(str(each or "") for each in ids),
            json.dumps(row.detail, ensure_ascii=False),
        )
    )
