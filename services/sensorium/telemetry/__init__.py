"""What the mesh says about itself: logs, traces, metrics, and whether it is well."""
