"""What gateways that share a data directory tell each other of the rates of keys."""
