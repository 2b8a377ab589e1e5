"""Files that the program carries: the console's typeface and icons. Read through `importlib.resources` only."""
