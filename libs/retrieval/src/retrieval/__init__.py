"""Embedding models, lexical terms and vector stores: what ingest writes with and rag reads with."""
