"""The persistent queue: what is to be sent where, in which order, how far it is, and what became of it.

May import: `storage` (to open the database) and the vocabulary. Knows no engine, no link, no protocol.

    model     P  Job, its states and what may follow what
    policy    P  the order, who may run now, what a failure means
    schema       the tables, version by version
    database     one connection: transactions, change numbers, errors
    reading      what the queue holds
    working      the agent's side: add, claim, report, give back
    asking       a person's side: pause, resume, cancel, retry
    ordering     priority, position, removal, and the way back
    watching     watched folders, and what triggers ask of them
    frames       what watched folders have queued
    tables       destinations, settings, commands to a running agent
    leftovers    parts at relays that nobody wants, until they are dropped
    left_uploads the same of uploads over HTTP
    outbox       webhooks, and what they are still to be told
    store        all of that as one `JobStore`
    sources      folders become files
"""
