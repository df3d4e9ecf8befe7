# Runs inside the fresh root, in a copy of the checkout: what a bare Debian lacks, then the two commands.
set -eu

echo "== the preflight finds what a bare Debian lacks"
if python3 services/sensorium/triton/preflight.py; then
  echo "it found nothing missing" >&2
  exit 1
fi

echo "== make demo"
make demo ARGS=--exit

echo "== make test"
make test ARGS="--quiet --exitfirst"
