"""The RPC frame: how every service is served, called and answered for."""
