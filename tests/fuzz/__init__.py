"""Coverage-guided fuzzing of whatever parses bytes of the network; `make fuzz SECONDS=600`. Needs the extra `fuzz`."""
