from chassis import migrations
from ingest.models import SCHEMA, Base

migrations.run(Base.metadata, schema=SCHEMA)
