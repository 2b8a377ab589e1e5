#!/usr/bin/env bash
# Makes .venv with the exact versions of constraints.txt: bootstrap.sh [EXTRAS, comma separated; "dev" if none]
#
# Does nothing when that has been done and neither file has changed since. What the system lacks is installed where this
# is root on Debian or Ubuntu; anywhere else the exact command is printed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

extras="${1:-dev}"
stamp=".venv/.drs-sync-stamp"
python=""

say() { printf '%s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }
is_debian() { command -v apt-get >/dev/null 2>&1; }

# --- system packages -------------------------------------------------------------------------------------------------

# system_packages WHY PACKAGE...: installs them as root on Debian, else says how and returns 1
system_packages() {
  local why="$1"; shift
  if is_debian && [ "$(id -u)" = 0 ]; then
    say "$why: installing $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2 || say "apt-get update failed; trying with the lists that are there"
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null && return 0
    say "That did not work. Run it by hand and look at its output:"
  fi
  if is_debian; then
    say "$why. Run:" "" && say "    sudo apt-get install -y $*" ""
  else
    say "$why. Install with your system's package tool what Debian calls: $*"
  fi
  return 1
}

# --- Python ----------------------------------------------------------------------------------------------------------

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      python="$(command -v "$candidate")"
      return 0
    fi
  done
  return 1
}

need_python() {
  find_python && return 0
  local packages="python3 python3-venv"
  # Ubuntu 22.04's python3 is 3.10, with 3.11 beside it
  if is_debian && apt-cache policy python3 2>/dev/null | grep -q 'Candidate: 3\.\(10\|[0-9]\)\.'; then
    packages="python3.11 python3.11-venv"
  fi
  # shellcheck disable=SC2086
  system_packages "Python 3.11 or newer is needed" $packages || exit 1
  find_python || fail "Python 3.11 or newer was not found; name it with PYTHON=/path/to/python3 make ..."
}

need_venv() {
  "$python" -c 'import venv, ensurepip' 2>/dev/null && return 0
  local version
  version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
  system_packages "Python's venv module is missing" "python$version-venv" || exit 1
}

# --- Qt's system libraries -------------------------------------------------------------------------------------------

qt_base="libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libfreetype6 libglib2.0-0 fonts-dejavu-core"
qt_screen="libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
  libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 libx11-xcb1"

qt_imports() {
  QT_QPA_PLATFORM=offscreen .venv/bin/python -c '
from PySide6.QtWidgets import QApplication
QApplication([])' >/dev/null 2>&1
}

qt_screen_complete() {
  command -v ldd >/dev/null 2>&1 || return 0
  local plugin
  plugin="$(find .venv/lib -path '*platforms/libqxcb.so' 2>/dev/null | head -n 1)"
  [ -z "$plugin" ] || ! ldd "$plugin" 2>/dev/null | grep -q 'not found'
}

need_qt_libraries() {
  [ "$(uname -s)" = Linux ] || return 0
  # shellcheck disable=SC2086
  if ! qt_imports; then
    system_packages "Qt lacks system libraries" $qt_base $qt_screen || exit 1
    qt_imports || fail "Qt still does not start. This says why:" \
      "    QT_DEBUG_PLUGINS=1 QT_QPA_PLATFORM=offscreen .venv/bin/python -c 'from PySide6.QtWidgets import QApplication; QApplication([])'"
  elif ! qt_screen_complete; then
    # everything but a window on an X screen works without them
    system_packages "Qt lacks libraries to open windows on X11" $qt_screen || true
  fi
}

# --- the environment -------------------------------------------------------------------------------------------------

wanted="$(cat pyproject.toml constraints.txt packaging/bootstrap.sh | cksum) $(pwd)"

# the stamp's first line is what the environment was made from, the second the extras that it has
done_already() {
  [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(sed -n 1p "$stamp")" = "$wanted" ] || return 1
  local extra
  for extra in ${extras//,/ }; do
    case ",$(sed -n 2p "$stamp")," in *",$extra,"*) ;; *) return 1 ;; esac
  done
}

done_already && exit 0
need_python
need_venv
say "Setting up .venv with $("$python" --version); this takes a minute or two"
# an interrupted run, a moved folder or a vanished Python leaves one that can't be used
if [ -d .venv ] && ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  rm -rf .venv
fi
[ -d .venv ] || "$python" -m venv .venv
.venv/bin/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e ".[$extras]"
need_qt_libraries
printf '%s\n%s\n' "$wanted" "$extras" >"$stamp"
say "Ready."
