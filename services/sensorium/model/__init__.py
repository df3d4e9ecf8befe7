"""The domain: what the services speak of, free of wire formats and of input and output."""
