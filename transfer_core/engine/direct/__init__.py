"""Direct ways between machines that share a folder and are on one network, beside the way through their relay.

`discovery` says who is near (`mdns` by multicast DNS), `door` lets the others' sessions in, `desk` dials them and picks
the way. Whom to believe comes from the relay alone. May import: what the engine may.
"""
