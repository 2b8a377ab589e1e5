"""The Telemetry page: live telemetry, races being recorded, replays and comparisons."""
