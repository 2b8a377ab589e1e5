"""The Settings page: how to send, how it looks, and "Receive here"."""
