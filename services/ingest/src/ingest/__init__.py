"""Documents: taken in, parsed, chunked, embedded, indexed; and deleted so that nothing is left."""
