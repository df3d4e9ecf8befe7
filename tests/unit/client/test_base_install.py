"""The client works where none of the server's or the command's dependencies are installed."""

import subprocess
import sys

ABSENT = (
    *(
        "alembic",
        "grpc_health",
        "grpc_reflection",
        "opentelemetry",
        "prometheus_client",
        "pydantic",
        "pydantic_settings",
    ),
    *("rich", "sqlalchemy", "starlette", "structlog", "tokenizers", "tritonclient", "typer", "uvicorn", "zvec"),
)
SCRIPT = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"{{name}} is not in the base install", name=name)

sys.meta_path.insert(0, Absent())

import sensorium
from sensorium import AsyncClient, Client, Document

with Client() as client:
    pass
assert all(hasattr(sensorium, name) for name in sensorium.__all__)
"""


def test_the_client_opens_with_the_base_dependencies_alone() -> None:
    ran = subprocess.run([sys.executable, "-I", "-c", SCRIPT], check=False, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
