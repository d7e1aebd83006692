"""`python -m growfit_local.qdrant.optimise DIR`: one optimisation of the shard in DIR, in a process of its own.

The engine holds Python's lock until it is done, which takes about 40 s for 100,000 vectors of 384 numbers. In the
server's process nobody would be answered meanwhile.
"""

import os
import sys

import qdrant_edge as engine

from growfit_local.supervise import die_with_parent

# Searches go on beside it.
_NICENESS = 10


def main(folder: str) -> None:
    die_with_parent()
    os.nice(_NICENESS)
    shard = engine.EdgeShard.load(folder)
    shard.optimize()
    shard.flush()
    shard.close()


if __name__ == "__main__":
    main(sys.argv[1])
