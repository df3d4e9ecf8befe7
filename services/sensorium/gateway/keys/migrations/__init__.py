"""How the file of the gateway came to its present format."""
