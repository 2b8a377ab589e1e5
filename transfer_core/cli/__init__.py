"""The command line: one file for each command, which calls the service's verbs and prints.

May import everything below; imports what is heavy inside the command that needs it, so that `--help` stays quick.
`compose` alone knows how a service, a relay and the console are made. To add a command: write a file with one function,
and name it in the table of `__main__`.
"""
