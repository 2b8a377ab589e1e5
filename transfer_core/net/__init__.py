"""UDP on interfaces: one small file per ability of an operating system, each with a plain fallback.

Knows `protocol.endpoint.Transmit` and `Received`, and nothing else of the protocol. May import: `protocol.endpoint`,
`sim` (to lay a simulated link over a port) and the vocabulary.
"""
