"""Watched folders: which files are there, and which of them are complete. Knows no queue, no relay, no protocol.

May import: `storage` and the vocabulary.

    completion     P  one file's history in, a verdict out
    selection      P  which names a watch wants, in which order, and where they go
    camera_config  P  the cameras of a `camera_config.json`
    config_file       reads the file of it
    trigger        P  a trigger's message, and the answers to it
    open_writers      whether somebody has a file open for writing
    folder_events     what inotify tells of folders
    folder_scan       what is in a folder now
    watcher           one watched folder: events, scans and verdicts become complete frames
    sent_file         deletes a source that has arrived, and nothing else
    trigger_server    answers triggers over ZeroMQ
    sample_jpeg    P  a picture as JPEG, of any size
    sample_frames     writes frames as cameras do, to try all this
"""
