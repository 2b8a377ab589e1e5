"""The relay's HTTP side: uploads in the reference's chunks and over tus 1.0.0, kept by one set of rules.

    records     what is kept of an upload (SQLite)          sums         checksums, and a hash behind the moving front
    store       records and part files, fsync before each acknowledgement   ending  verified, named, signed for
    pauses      how much of an upload's age does not count
    claims      who writes what; a newcomer takes over      body         a request's body, streamed, with a deadline
    writing     from a body into a part file                front_writer the same from front to back, for tus
    chunk_form chunk_layout chunk_api    the reference's protocol: its form, where chunks belong, its routes
    tus_headers tus_frame tus_api        tus: what its headers say, what is around its answers, its routes
    gate credentials rates deadlines     who may ask, and how often; heads that never end
    desk app    what routes stand on, and all of them       http_side    served beside the UDP relay
    listing     what has come, and receipts of it

The order that everything stands on is that of the UDP side: data is written, then synced, then named by a record, then
acknowledged. Blocking calls run on a few disk threads; the event loop never waits for a disk. Other applications on the
same port: `server.mounts`. May import everything below `server`.
"""
