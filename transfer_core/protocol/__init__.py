"""The wire: pure state machines that turn datagrams and time into datagrams, deadlines and events.

    association         what both sides' sessions share, and whose turn it is to send:
      arrivals            which datagrams are believed          sealing         keys, nonces, headers
      departures          each sealed, numbered and noted       path            one link to the peer
      control_packets     packets without file data             control_frames  what these hold
      message_copies      how often one with messages goes      ordered_messages  once and in order
    sender              the agent's session holds together:
      outgoing_files      the life of a file                    read_ahead      which chunks to read
      next_slices         what a path takes next                slice_queue     what waits to be sent
      tail_copies         copies at the end                     chunk_slots     the fate of each slice
      feeds_out           live feeds that are offered           posts           what a relay brings to an agent
    receiver            the relay's session holds together:
      file_offers         which offers are listened to          unoffered       data before its offer
      slice_runs          rows that belong together             chunk_assembly  slices to chunks
      feeds_in            live feeds that are taken             live            how live datagrams travel
    endpoint            the five verbs of every machine         observer        who sees each packet
    recovery, security, wire    rooms of their own

Pure: no socket, file, clock, randomness, thread or logging in here. Time comes in as integer nanoseconds, entropy as
an argument. May import: `manifest` and the vocabulary. docs/protocol.md describes every byte.
"""
