"""Keys of the gateway: where they are kept, what each may call, and how often."""
