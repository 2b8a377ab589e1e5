"""Files and databases: part files, fsync order, rename, free space, safe paths, sources, checkpoints.

    safe_path      a name from the wire becomes one that every system can hold, below a root
    incoming       a `.part` from its first chunk to its final name     reader      a source, and whether it changed
    file_hash      a whole file's hash behind the moving front           free_space  room, claims on it, quotas
    database       opening SQLite, setting a broken one aside            clearing    deleting what has arrived, no more
    relay_store    the relay's database: whom it knows (`known_agents`), what it has received (`arrivals`)
    plain_open     how files are opened whose names others chose         staleness   nobody wrote to it for long
    positional durable holes rename    one ability of the operating system each, with a plain fallback

The order that everything stands on: data is written, then synced, then named by a checkpoint, then acknowledged.
Blocking calls, made from disk threads. Knows nothing of the protocol. May import: `manifest` and the vocabulary.
"""
