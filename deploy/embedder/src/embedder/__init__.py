"""The embedding server: multilingual-e5-small on the CPU, behind the OpenAI embeddings API."""
