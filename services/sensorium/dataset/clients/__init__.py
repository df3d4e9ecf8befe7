"""The dataset service of another process, behind the same ports as the one in this process."""
