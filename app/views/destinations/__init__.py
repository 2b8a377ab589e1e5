"""The Destinations page: where jobs can go and whether it is there; what uploads may use, and when."""
