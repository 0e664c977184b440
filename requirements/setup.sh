#!/usr/bin/env bash
# Make or refresh a virtual environment from one pinned, hashed requirement file.
#
#   requirements/setup.sh .venv dev        what `make` targets run with, and the `forecourt` command
#   requirements/setup.sh .venv bench      the same environment with the benchmarks' peers added
#   requirements/setup.sh .venv-peers peers  the benchmarks' peers whose pins are not ours
#   requirements/setup.sh .venv-sam sam    AWS SAM on its own
#
# $PYTHON names the Python 3.13 to use; without it, one is looked for. `uv` installs: the machine's,
# else one put into the environment by pip. Nothing but packages is downloaded.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
environment=$1
requirements=$2

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

is_python_3_13() {
  "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1
}

# Candidates in order of preference, one a line. A pyenv shim stands on PATH even for a version that
# pyenv has not selected, and then fails: the versions beside the shims are listed too.
python_candidates() {
  local command shim
  for command in python3.13 python3 python; do
    type -ap "$command" || true
  done
  for shim in $(type -ap python3.13 || true); do
    ls -d "${shim%/shims/*}"/versions/3.13*/bin/python3.13 2>/dev/null || true
  done
  ls -d "${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}"/versions/3.13*/bin/python3.13 2>/dev/null || true
  if command -v uv >/dev/null; then
    uv python find --no-python-downloads 3.13 2>/dev/null || true
  fi
}

find_python() {
  local candidate
  if [ -n "${PYTHON:-}" ]; then
    is_python_3_13 "$PYTHON" || fail "PYTHON=$PYTHON is not a working Python 3.13."
    printf '%s\n' "$PYTHON"
    return
  fi
  while IFS= read -r candidate; do
    if is_python_3_13 "$candidate"; then
      printf '%s\n' "$candidate"
      return
    fi
  done < <(python_candidates)
  fail "Forecourt needs Python 3.13 and found none: install it (for example 'uv python install 3.13'" \
    "or 'pyenv install 3.13'), or name it with 'make PYTHON=/path/to/python3.13 …'."
}

make_environment() {
  local python
  python=$(find_python)
  echo "Making $environment with $("$python" --version) …" >&2
  if command -v uv >/dev/null; then
    uv venv --quiet --allow-existing --no-python-downloads --python "$python" "$environment"
  else
    "$python" -m venv "$environment" >/dev/null ||
      fail "Python 3.13 cannot make a virtual environment: install its venv module" \
        "(Debian and Ubuntu: 'apt-get install python3.13-venv'), or install uv."
  fi
}

# Prints the uv to install with.
find_uv() {
  if command -v uv >/dev/null; then
    command -v uv
    return
  fi
  if [ ! -x "$environment/bin/uv" ]; then
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
      --require-hashes -r requirements/uv.txt >&2
  fi
  printf '%s\n' "$environment/bin/uv"
}

is_python_3_13 "$environment/bin/python" || make_environment
uv=$(find_uv)

# Trust what the machine trusts, as pip does: a company's proxy may sign with its own authority.
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
# Where the home folder cannot be written there is no cache to keep.
[ -w "${UV_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}}}" ] || export UV_NO_CACHE=1
install=("$uv" pip install --quiet --python "$environment/bin/python")

echo "Installing requirements/$requirements.txt into $environment …" >&2
"${install[@]}" --require-hashes -r "requirements/$requirements.txt"
if [ "$requirements" = dev ]; then
  "${install[@]}" --no-deps --no-build-isolation --editable .
fi
touch "$environment/.$requirements-ready"
