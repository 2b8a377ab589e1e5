"""The persistent queue: what is to be sent where, in which order, how far it is, and what became of it.

May import: `storage` (for opening the database), `service` (for `Skipped`) and the vocabulary. Not the engine, not links.

    model     P  Job, its states and the table of what may follow what
    policy    P  the order, who may run now, what a failure means
    schema       the tables
    database     one connection, one writer at a time, each change one transaction
    store        the jobs: add, lease, record, pause, resume, cancel, retry, history
    ordering     priority and position: moving rows, and making room when there is none
    journal      what Ctrl+Z takes back
    tables       destinations, settings, and what another process asks of a running agent
    sources      folders become files
"""
