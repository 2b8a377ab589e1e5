"""Files and databases: reading ahead, `.part` files, fsync order, rename, free space, safe paths, checkpoints.

Blocking calls, made from disk threads. Knows nothing of the protocol. May import: `manifest` and the vocabulary.
"""
