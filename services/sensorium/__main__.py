"""Starts the `sensorium` command."""

from sensorium.cli.application import main

if __name__ == "__main__":
    main()
