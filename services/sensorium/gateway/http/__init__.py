"""The HTTP front: one module for each family of clients, each a thin translation onto the ports that gRPC serves."""
