"""Bytes to values and back: datagram headers, frames, messages, chunk records. Pure; imports only the vocabulary.

Every parser takes untrusted bytes and either gives a value or raises RemoteProtocolError, never anything else.
"""
