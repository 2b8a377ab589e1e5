"""The Links page and its parts. May import models, widgets and theme; talks up by signals alone."""
