from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from chassis.plumbing import NAMING_CONVENTION, plumbing_tables
from chassis.tables import access_tables
from tenancy.tables import tenancy_tables

SCHEMA = "usage_metrics"
LEDGER_SCHEMA = "partner"
LOG_SCHEMA = "supervisor"


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


PLUMBING = plumbing_tables(Base.metadata, schema=SCHEMA)
ACCESS = access_tables(Base.metadata, schema=SCHEMA)
TENANCY = tenancy_tables(Base.metadata, schema=SCHEMA)
