"""The parsers that the child process runs: one module a format. They import little and know nothing of the service."""
