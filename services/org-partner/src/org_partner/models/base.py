from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from chassis.plumbing import NAMING_CONVENTION, plumbing_tables
from chassis.tables import access_tables, mails_table

# The plumbing's schema; the domain's tables live in `partner`.
SCHEMA = "org_partner"
DOMAIN = "partner"


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


PLUMBING = plumbing_tables(Base.metadata, schema=SCHEMA)
MAILS = mails_table(Base.metadata, schema=SCHEMA)
ACCESS = access_tables(Base.metadata, schema=SCHEMA)
