"""Who talks to whom, and the keys that follow from it: Noise IK, the handshake datagrams, pairing tokens. Pure.

May import: `cryptography` and the vocabulary. Whatever bytes come in, only SecurityError and its kin come out.
"""
