"""What stands around every call, one concern per file; `frame.py` composes them into a single gRPC interceptor.

gRPC would wrap every call once more for each interceptor of its own; here each method is wrapped once, for good.
"""
