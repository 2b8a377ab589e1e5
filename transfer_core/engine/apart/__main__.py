"""`python -m transfer_core.engine.apart`: see `child`."""

from transfer_core.engine.apart.child import main

if __name__ == "__main__":
    main()
