"""The ways out of this machine: which there are, which can be used, how good each one is.

May import: the vocabulary. Knows no socket, no protocol: measurements come in as numbers, decisions go out as values.

    discover       what the operating system says about its interfaces
    model       P  InterfaceFact, Link
    classify    P  facts become links: of what kind, usable or why not; which of them can reach a relay
    measure     P  figures of one link from what its path delivered: rate, RTT, jitter, loss, age
    ring        P  half an hour of plot points
    score       P  figures become one number with its four terms
    hysteresis  P  which state a link is in, without flapping

To add a kind of link: name it in `events.LinkKind`, and say in `classify` how to know it.
"""
