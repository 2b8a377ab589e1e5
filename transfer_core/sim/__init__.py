"""A network that never was: seeded links, scripts of trouble, a virtual clock, and a world that runs machines in it.

Pure: no socket, file, clock, randomness, thread or logging in here. Time comes in as integer nanoseconds, randomness as
a seeded numpy `Generator`, so that one seed gives one run. May import: `protocol.endpoint` and the vocabulary.

    conditions   what a link is like              presets   links as people meet them, with sources for the figures
    link         one direction of a link          duplex    both directions under one name
    held_burst   datagrams on their way           script    a simulation file: links, and what happens to them when
    world        virtual time for endpoints       manual_clock, seeded_entropy   the two inputs, under control
"""
