"""Uploads over HTTP inside an agent: threads that run them, the links they take, the destinations they go to.

desk          what the clerk talks to          run        one job, in a thread of its own
ways          links, and sessions over them    monitor    which destinations are there, and why not
governor      caps, waited for by threads         limits     which caps count now
dropping      has servers drop their parts of what was given up
teller        tells webhooks                      packing    compresses before uploading
verbs         what may be asked of all this
"""
