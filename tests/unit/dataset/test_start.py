"""What the dataset service imports at its start."""

import subprocess
import sys


def test_dbos_is_not_imported_before_a_job_needs_it() -> None:
    program = "import sys, sensorium.dataset.embedded; print('dbos' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
