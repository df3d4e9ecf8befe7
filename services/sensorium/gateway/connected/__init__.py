"""Contents that name objects of buckets which connections of their workspace have."""
