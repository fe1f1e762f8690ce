#!/usr/bin/env bash
# Runs every benchmark of the release build, one after the other. Arguments go to each: --benchmark_filter=…
set -euo pipefail
cd "$(dirname "$0")/.."

found=no
for program in build/release/bench/*; do
  if [[ -f $program && -x $program ]]; then
    found=yes
    echo "== $(basename "$program")"
    "$program" "$@"
  fi
done
[[ $found == yes ]] || { echo "no benchmark was built" >&2; exit 1; }
