"""What stands around every call, one concern per file; `frame.py` composes them into a single gRPC interceptor.

gRPC would run each interceptor of its own as another wrapper around each call; composed once per method, the whole
costs a third of that.
"""
