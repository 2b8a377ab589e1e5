"""The engine in a process of its own, so that a window and it don't share one interpreter.

`RemoteService` has the verbs of `TransferService`; behind it runs a `LocalService` in a child process, which speaks
over its stdin and stdout with the one that started it and with nobody else. The child ends with its parent; a child
that ends unasked is started again. May import: the engine's other modules, and all that the engine may.
"""
