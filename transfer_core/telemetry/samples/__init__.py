"""Samples of recordings, kept to be asked: one interface, one driver for SQLite and one for PostgreSQL.

What is stored here is derived from the logs and can be made again from them. May import: the other modules of
`telemetry`, `storage` and the vocabulary.
"""
