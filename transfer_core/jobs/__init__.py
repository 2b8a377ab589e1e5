"""The persistent queue: what is to be sent where, in which order, how far it is, and what became of it.

May import: `storage` (to open the database) and the vocabulary. Knows no engine, no link, no protocol.

    model     P  Job, its states and what may follow what
    policy    P  the order, who may run now, what a failure means
    schema       the tables, version by version
    store        everything that is asked of the database, each verb one transaction
    sources      folders become files
"""
