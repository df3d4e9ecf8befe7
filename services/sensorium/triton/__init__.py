"""The adapter to Triton: its models, its process and the client that runs tensors through it."""
