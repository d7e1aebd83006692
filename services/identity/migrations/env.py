from chassis import migrations
from identity.models import SCHEMA, Base

migrations.run(Base.metadata, schema=SCHEMA)
