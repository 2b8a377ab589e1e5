"""What is in a file and which chunks of it are done: the bitmap that a checkpoint stores, and the manifest JSON.

Pure: no socket, file, clock, randomness, thread or logging in here. May import: the vocabulary.

    model       chunk arithmetic and `Bitmap`
    reference   the manifest JSON that people and other programs read
"""
