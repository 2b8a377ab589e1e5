"""Uploads over HTTP: to servers of chunks, tus servers and S3 buckets, with whatever network there is.

    door       P  what a protocol is: an `Upload` says what to send next and judges what came back
    judge      P  an answer's status and headers become an error, or none
    chunked    P  the chunk protocol (`/upload/init`, `chunk`, `finalize`, `status`)
    tus        P  tus 1.0.0                       s3         P  multipart uploads to a bucket
    chunk_size P  how much goes into one request  bucket     P  bandwidth, shared fairly by bytes
    timetable  P  the cap by weekday and hour     presence   P  whether a destination is there
    kinds      P  which kinds there are           webhook    P  Standard Webhooks: what is signed and sent
    kept       P  what is kept of an upload between runs
    whole_hash    of the file, behind what is sent in order
    driver        runs one upload: reads the source, sends, resumes, moves to another link
    session       requests over sockets that are bound to a link; sources, limits and time-outs
    signing       signs requests to a bucket (extra `s3`)
    probe         which protocol a server speaks, and whether it is there

To add a protocol: a pure module with an `Uploader`, a line in `kinds`, and tests as those in
`tests/unit/engine/uploads`: an answer lost, a body broken off, the server's state wiped, the agent restarted.
May import: `storage`, `net` (to bind a socket to a device) and the vocabulary. Knows no queue and no engine.
"""
