"""Live telemetry over UDP: decode, receive, record, replay, races, export.

    decoders     P  datagrams become named float32 columns; a file for each game
    channels     P  what a channel is: its group and unit
    runs         P  where a run begins and ends, which frames are no samples
    figures      P  rate, loss, jitter and age of one source
    sampler      P  a recording's datagrams as rows; ring and feed are its newest ones, to be looked at
    frames       P  the binary frame that viewers elsewhere get
    receiver        all UDP ports in one thread; recorder writes what they hand over into a log, the truth
    samples         what was recorded, to be asked: SQLite or PostgreSQL, filled from the log by filler
    catalog         the races that are known; mcap_file and export write them for others, replay shows them again
    race_folders    a race's files deleted, so that a crash in between leaves neither half a race nor a forgotten one
    desk            all of it as the verbs of `service.telemetry`

The way of a datagram: `receiver -> recorder -> log -> filler -> samples`; beside it `receiver -> feed`, which may be
slow without harm. May import: `storage`, `net` and the vocabulary.
"""
