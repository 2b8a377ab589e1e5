"""The window and its pages. A page is given state and theme, and talks up by signals alone."""
