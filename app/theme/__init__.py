"""How the console looks: tokens of colour, space and type, and their way into Qt. Imports no other folder of `app`."""
