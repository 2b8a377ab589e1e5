"""Live telemetry over UDP: decode, receive, record, replay, races, export.

    decoders     P  datagrams become named float32 columns; a file for each game
    channels     P  what a channel is: its group and unit
    runs         P  where a run begins and ends, which frames are no samples
    figures      P  rate, loss, jitter and age of one source

May import: `storage`, `net` and the vocabulary.
"""
