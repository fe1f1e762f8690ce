#!/usr/bin/env bash
# Runs every benchmark of the release build, one after the other: the programs of bench/, then `tidal bench all`, whose
# figures also go to build/release/bench.json. Arguments go to `tidal bench`: --items 100000.
set -euo pipefail
cd "$(dirname "$0")/.."

found=no
for program in build/release/bench/*; do
  if [[ -f $program && -x $program ]]; then
    found=yes
    echo "== $(basename "$program")"
    "$program"
  fi
done
[[ $found == yes ]] || { echo "no benchmark was built" >&2; exit 1; }
echo "== tidal bench all"
build/release/tidal bench all --json build/release/bench.json "$@"
