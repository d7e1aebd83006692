"""GrowFit's published events: one class per type, the CloudEvents envelope, and the streams that carry them."""
