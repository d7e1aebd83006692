from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from chassis.plumbing import NAMING_CONVENTION, plumbing_tables
from chassis.tables import limits_table, mails_table
from tenancy.tables import tenancy_tables

SCHEMA = "identity"


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


PLUMBING = plumbing_tables(Base.metadata, schema=SCHEMA)
REQUEST_COUNTS = limits_table(Base.metadata, schema=SCHEMA)
MAILS = mails_table(Base.metadata, schema=SCHEMA)
# Who is org or partner staff, which decides what the platform asks of their login.
TENANCY = tenancy_tables(Base.metadata, schema=SCHEMA)
