"""Files that the program carries: the console's typeface. Read through `importlib.resources` only."""
