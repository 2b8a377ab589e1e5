"""Several processes that receive on one relay's port, because one core is not enough (`relay --workers`; Linux).

    crew       the parent: makes what they share, starts them, and starts again whichever dies
    seat       what a process gets from it: a socket, an inbox, its line in the ledger
    heartbeats who of them has hung without dying
    hand_over  hellos, from the process that they came to, to the one that their sender is at home with

Each process is a whole `server.relay.Relay` that only knows its own agents. `protocol.place` says which those are, so
that no two have to agree on anything: one agent's files, quota and sessions are in one process alone. What concerns
all agents, they share: the port, the database (which takes several writers), and the room that is promised on the disk.
"""
