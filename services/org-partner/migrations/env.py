from chassis import migrations
from org_partner.models import SCHEMA, Base

migrations.run(Base.metadata, schema=SCHEMA)
