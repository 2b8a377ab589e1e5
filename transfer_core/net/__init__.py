"""UDP on interfaces: one small file per ability of an operating system, each with a plain fallback.

    base           what a port is                    udp            opens the best one that there is
    udp_plain      one datagram a call, anywhere     udp_linux      bursts (UDP_SEGMENT, UDP_GRO)
    shared_port    several processes on one port     (Linux)
    bind_device dont_fragment socket_buffers         what is asked of a socket, per system
    memory_port    two ports joined in memory        simulated_port a simulated link laid over any port

To add a port: implement `base.UdpPort` and have it pass `tests/conformance/udp_port_suite.py`.
Knows `protocol.endpoint.Transmit` and `Received`, and nothing else of the protocol. May import: `protocol.endpoint`,
`sim` (to lay a simulated link over a port) and the vocabulary.
"""
