"""The usage ledger and its read models."""
