"""The History page. May import models, widgets and theme; talks up by signals alone."""
