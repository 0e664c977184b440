#!/usr/bin/env bash
# Install what a folder's package-lock.json pins, e.g. `requirements/npm.sh tests/asl`.
#
# Node is the machine's, from version 20 on, else one from PyPI put into `.venv`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$1

has_node() {
  command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'
}

if ! has_node; then
  requirements/setup.sh .venv node
  export PATH="$PWD/.venv/bin:$PATH"
fi
echo "Installing $folder/package-lock.json …" >&2
npm ci --silent --prefix "$folder"
