"""Who teaches in a class, for queries over other tables: a service's `crud` knows tables and no contracts."""

from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, exists, or_

from tenancy.tables import TenancyTables

# The values of `contracts.org_partner.Role` that teach: at one partner, or in the whole org.
TEACHING = ("partner_owner", "instructor", "assistant")
ADMIN = "org_admin"


def is_taught_by(
    tables: TenancyTables, *, class_id: SQLColumnExpression[Any], user_id: SQLColumnExpression[Any]
) -> ColumnElement[bool]:
    """Of columns of another table: whether the person teaches in the class, now."""
    membership, class_ = tables.memberships.c, tables.classes.c
    return exists().where(
        class_.class_id == class_id,
        membership.user_id == user_id,
        membership.org_id == class_.org_id,
        membership.is_active,
        or_(
            and_(membership.role.in_(TEACHING), membership.partner_id == class_.partner_id),
            membership.role == ADMIN,
        ),
    )
