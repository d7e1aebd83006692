from chassis import migrations
from rag.models import SCHEMA, Base

migrations.run(Base.metadata, schema=SCHEMA)
