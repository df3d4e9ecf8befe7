"""Converts the messages that services share (types.proto) to the domain's types and back, by pure functions.

It needs nothing but protobuf and numpy, so that the client library can use it.
"""
