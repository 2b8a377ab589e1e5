"""Datagrams become named float32 columns. One file for each game, behind `base.Decoder`. Pure.

May import: numpy and the vocabulary. A third game is one more file, and a line in `registry`.
"""
