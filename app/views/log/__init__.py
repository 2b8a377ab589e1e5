"""The Log page. May import models, widgets and theme; talks up by signals alone."""
