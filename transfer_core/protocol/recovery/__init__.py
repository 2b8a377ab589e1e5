"""What one path does with packet numbers: acknowledgements, loss, capacity, pacing, silence. Numbers only. Pure.

    ack             what an acknowledgement says, and its bytes
    path_receiver   marks what arrives, decides when to acknowledge
    path_sender     remembers what was sent, resolves it, says how much may go now
    congestion      how fast: capacity read from the receiver's clock, a small standing queue held on purpose
    pacer           bursts of about a millisecond

To add another congestion controller, give it the methods of `congestion.Congestion` and pass it to PathSender.
"""
