"""Other programs that move a file, each in its best mode; `base` says what they have in common."""
