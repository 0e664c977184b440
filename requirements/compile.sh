#!/usr/bin/env bash
# Compile requirements/*.in into pinned and hashed *.txt files without index addresses.
#
#   requirements/compile.sh [--upgrade] [--upgrade-package NAME]
#
# Later files are constrained by earlier ones, so that a package has one version in all of them
# (.venv-sam and .venv-peers apart). The dependencies layer gets the runtime set as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for name in runtime dev bench uv sam peers node; do
  .venv/bin/uv pip compile "requirements/$name.in" --output-file "requirements/$name.txt" \
    --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header --quiet "$@"
done
cp requirements/runtime.txt layers/dependencies/requirements.txt
