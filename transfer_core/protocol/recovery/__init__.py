"""What one path does with packet numbers: acknowledgements, loss, capacity, pacing, silence. Numbers only. Pure.

    ack             what an acknowledgement says, and its bytes
    path_receiver   marks what arrives, decides when to acknowledge
      arriving_train  the first and last arrival of packets that left together
    path_sender     holds the sending parts together:
      sent_packets    what was sent, and what became of it
      resolved        the same as told to the session, by tags
      told            what acknowledgements have spoken about, and still have to
      sample_reader   what one says of rate and delay
      rtt             round trips
      loss            when a packet is lost; whether loss has risen above the path's own
      capacity        what the bottleneck lets through, and how long its queue is
      congestion      how fast, and in which of these modes:
        start           finds the rate
        cruise          holds a small queue on purpose, and looks for more
        company         beside flows that fill every buffer
      standing_queue  how long that queue is to be, and when it is drained
      loss_response   what loss means for the rate
      loss_trial      whether a rise of loss without a queue is congestion
      opening_train   packets back to back, whose spread tells the rate to begin with
      pacer           bursts of about a millisecond
      silence         when nobody answers, and when to probe
    mtu             how large packets may be

May import the vocabulary only.
"""
