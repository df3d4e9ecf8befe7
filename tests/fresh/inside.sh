# Runs inside the fresh root, in a copy of the checkout: from the preflight to Triton's own tests.
set -eu
preflight=services/sensorium/triton/preflight.py

echo "== the preflight finds what a bare Debian lacks"
if python3 $preflight; then
  echo "it found nothing missing" >&2
  exit 1
fi

echo "== and mends it"
python3 $preflight --fix
python3 $preflight

echo "== the two environments"
python3 -m venv /opt/tools
/opt/tools/bin/pip install --quiet uv
for environment in dev:.venv triton:.venv-triton; do
  lock=requirements/${environment%:*}.lock folder=${environment#*:}
  /opt/tools/bin/uv venv --quiet --python python3 "$folder"
  /opt/tools/bin/uv pip sync --quiet --require-hashes --python "$folder" "$lock"
done

echo "== Triton serves"
PYTHONPATH=services .venv/bin/python -m pytest tests/e2e/triton --quiet --exitfirst
