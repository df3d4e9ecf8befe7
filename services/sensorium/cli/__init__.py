"""The `sensorium` command: starts a mesh, and calls one. Every module imports what it runs on only when it runs."""
