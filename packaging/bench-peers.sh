#!/usr/bin/env bash
# Installs what `make bench-net` measures beside the product, where this is root on Debian or Ubuntu. What can't be had
# is said, and left out of the tables.
set -uo pipefail

say() { printf '%s\n' "$*" >&2; }

need() {  # need COMMAND-OR-LIBRARY PACKAGE
  command -v "$1" >/dev/null 2>&1 && return
  ldconfig -p 2>/dev/null | grep -q "$1" && return
  missing+=("$2")
}

missing=()
need ip iproute2
need uftp uftp
need rsync rsync
need libudt libudt0
[ "${#missing[@]}" = 0 ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2 || say "apt-get update failed; trying with the lists that are there"
  for package in "${missing[@]}"; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null || say "$package can't be installed here"
  done
else
  say "Not here, so not measured: ${missing[*]} (Debian's names; install them with your system's package tool)."
fi
exit 0
