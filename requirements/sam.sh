#!/usr/bin/env bash
# Run AWS SAM from its own environment, e.g. `requirements/sam.sh build`.
#
# `sam build` takes the `python3.13` and the pip that stand first on PATH. Telemetry is off, and the
# region stands for what `sam validate` asks for without calling it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.venv-sam/bin:$PATH"
export SAM_CLI_TELEMETRY=0
export AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-ap-southeast-2}"
exec sam "$@"
