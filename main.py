"""Opens the console; with arguments, runs the command line."""

from transfer_core.cli.__main__ import main

if __name__ == "__main__":
    main(default="console")
