"""Conversations with documents: search, cited answers, and the usage of every model call."""
