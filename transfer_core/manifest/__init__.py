"""What is in a file and which chunks of it are done, as JSON that people and other programs read (`reference`).

Pure: no socket, file, clock, randomness, thread or logging in here. May import: the vocabulary.
"""
