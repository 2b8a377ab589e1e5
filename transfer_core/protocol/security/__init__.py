"""Who talks to whom, and the keys that follow from it: Noise IK, the handshake datagrams, pairing tokens. Pure.

May import: `cryptography`, `protocol.wire` and the vocabulary. Whatever bytes come in, only SecurityError and its kin
come out. That a packet number is not taken twice is seen to in `protocol.recovery`: each path knows which it has had.
"""
