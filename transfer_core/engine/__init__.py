"""Where pure meets real: the loops, the threads, one job from open to verified, the event bus.

May import everything below: links, jobs, net, storage, protocol, manifest, sim and the vocabulary.
"""
