"""Starts the `sensorium` command, or says what it lacks: the client library is installed without it."""

import os
import sys


def main() -> None:
    """Run the command that the arguments name."""
    # gRPC tells of connections that come and go on stderr; our own log says what matters.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        from sensorium.cli.application import app  # noqa: PLC0415

        app()
    except ModuleNotFoundError as missing:
        if (missing.name or "sensorium").startswith("sensorium"):
            raise
        extra = "cli" if missing.name in {"typer", "rich"} else "server"
        sys.exit(f"this needs {missing.name}: pip install 'sensorium[{extra}]'")


if __name__ == "__main__":
    main()
