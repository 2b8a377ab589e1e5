#!/usr/bin/env bash
# Writes constraints.txt: the newest versions that pyproject.toml allows, tried out in an environment of their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check -e ".[dev,bench,fuzz,package]"
{
  echo "# Exact versions of everything, for each extra. Written by \`make pins\`; install with -c constraints.txt."
  "$scratch/venv/bin/python" -m pip freeze --disable-pip-version-check --exclude-editable --exclude drs-sync
} >"$scratch/constraints.txt"
if grep -n '@\|://' "$scratch/constraints.txt"; then
  echo "A package came from an address and not from an index; constraints.txt is left as it was." >&2
  exit 1
fi
mv "$scratch/constraints.txt" constraints.txt
