"""The relay's HTTP side: uploads in the reference's chunks and over tus 1.0.0, kept by one set of rules.

    records     what is kept of an upload (SQLite)             sums      checksums, and a hash behind the moving front
    store       the disk side: part file, fsync, verify, rename claims    who writes what; a newcomer takes over
    body        a request's body, streamed, with a deadline     writing   from a body into a part file
    chunk_form  the reference's multipart form, streamed        chunk_api tus_api  the two protocols' routes
    app         the application and its gate                    http_side served beside the UDP relay

The order that everything stands on is that of the UDP side: data is written, then synced, then named by a record, then
acknowledged. Blocking calls run on a few disk threads; the event loop never waits for a disk. May import everything
below `server`.
"""
