from chassis import migrations
from usage_metrics.models import SCHEMA, Base

migrations.run(Base.metadata, schema=SCHEMA)
