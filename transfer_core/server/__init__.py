"""The relay: who may send, what arrives, where it is put. Composition of protocol, storage and engine.

May import everything below it: engine, net, storage, protocol and the vocabulary.
"""
