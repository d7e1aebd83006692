"""A small local server: the real Qdrant engine (`qdrant-edge-py`) behind the part of Qdrant's REST API that
`qdrant-client` uses here. For development and tests on machines without Docker; it is not a Qdrant server.

What it does not know it refuses (501 for an endpoint, 400 for a field) and never passes over in silence. One process
a folder, one shard a collection, no replicas, no snapshots.
"""
