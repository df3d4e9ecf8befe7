"""The gateway: the one public address, which turns contents into vectors before the search service sees them."""
