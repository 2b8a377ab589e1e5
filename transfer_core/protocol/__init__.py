"""The wire: pure state machines that turn datagrams and time into datagrams, deadlines and events.

Pure: no socket, file, clock, randomness, thread or logging in here. Time comes in as integer nanoseconds, entropy as
an argument. May import: `manifest` and the vocabulary. docs/protocol.md describes every byte.
"""
