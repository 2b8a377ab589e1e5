"""`drs-sync telemetry`, one file per command; `group` has them all, and imports what each needs."""
