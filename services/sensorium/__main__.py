"""Starts the `sensorium` command, or says what it lacks: the client library is installed without it."""

import os
import signal
import sys


def main() -> None:
    """Run the command that the arguments name."""
    _stop_when_asked()
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


def _stop_when_asked() -> None:
    """Let SIGTERM end the first process of a container while it still starts; the kernel would not tell it."""
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


if __name__ == "__main__":
    main()
