"""`drs-sync engine-process`: the engine of a console, where both are in a package. The console starts it."""

from __future__ import annotations


def engine_process() -> None:
    """Answer the console that started this, over stdin and stdout."""
    from transfer_core.engine.apart.child import main

    main()
