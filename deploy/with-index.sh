#!/bin/sh
# Runs a command of the image's build with the certificate authority and the package index of its secrets, if any.
set -eu
if [ -s /run/secrets/ca ]; then
  export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca REQUESTS_CA_BUNDLE=/run/secrets/ca
fi
if [ -s /run/secrets/index ]; then
  set -a
  # shellcheck disable=SC1091
  . /run/secrets/index
  set +a
fi
exec "$@"
