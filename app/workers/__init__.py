"""The only Qt threads: they call the service, which may block, and bring its events. Only signals cross threads."""
