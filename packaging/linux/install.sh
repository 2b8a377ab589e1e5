#!/usr/bin/env bash
# Puts what lies beside this script into a home folder, with nothing asked of root: install.sh [PREFIX; ~/.local if none]
#
# Run again it replaces what is there. State, queue and keys are elsewhere and stay. `install.sh --remove [PREFIX]` undoes it.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
remove=no
if [ "${1:-}" = --remove ]; then remove=yes; shift; fi
prefix="${1:-$HOME/.local}"
place="$prefix/lib/drs-sync"
units="${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user"
icons="$prefix/share/icons/hicolor"

take_away() {
  rm -rf "$place"
  rm -f "$prefix/bin/drs-sync" "$prefix/bin/drs-sync-console" "$prefix/share/applications/drs-sync.desktop"
  rm -f "$icons"/*/apps/drs-sync.png "$icons/scalable/apps/drs-sync.svg"
  rm -f "$units/drs-sync-agent.service" "$units/drs-sync-relay.service"
}

take_away
if [ "$remove" = yes ]; then
  echo "DRS-SYNC is gone from $prefix; its state is where it was."
  exit 0
fi
mkdir -p "$prefix/bin" "$prefix/lib" "$prefix/share/applications" "$units"
cp -r "$here/drs-sync" "$place"
for program in drs-sync drs-sync-console; do
  ln -sfn "$place/$program" "$prefix/bin/$program"
done
for picture in "$here"/share/icons/drs-sync-*.png; do
  size="${picture##*-}"; size="${size%.png}"
  mkdir -p "$icons/${size}x$size/apps"
  cp "$picture" "$icons/${size}x$size/apps/drs-sync.png"
done
mkdir -p "$icons/scalable/apps"
cp "$here/share/icons/drs-sync.svg" "$icons/scalable/apps/drs-sync.svg"
sed "s|^Exec=.*|Exec=\"$prefix/bin/drs-sync-console\"|" "$here/share/drs-sync.desktop" >"$prefix/share/applications/drs-sync.desktop"
for unit in agent relay; do
  sed "s|%h/.local/bin/|$prefix/bin/|" "$here/share/drs-sync-$unit.service" >"$units/drs-sync-$unit.service"
done
echo "DRS-SYNC is in $place; its programs are in $prefix/bin."
case ":$PATH:" in *":$prefix/bin:"*) ;; *) echo "That folder is not in PATH yet." ;; esac
echo "As services: systemctl --user enable --now drs-sync-agent (or drs-sync-relay); loginctl enable-linger keeps them on."
