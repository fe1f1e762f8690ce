#!/usr/bin/env bash
# Runs every fuzz target of the fuzz preset on its seeds and then on new inputs for some seconds each.
#
#   tools/run_fuzz.sh [SECONDS]     default 5
#
# New inputs are kept in build/fuzz/corpus/, crashes in build/fuzz/crashes/. Ends with: N passed, N failed.
set -uo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-5}
passed=0 failed=0
mkdir -p build/fuzz/crashes
for program in build/fuzz/fuzz/*; do
  [[ -f $program && -x $program ]] || continue
  name=$(basename "$program")
  mkdir -p "build/fuzz/corpus/$name"
  seeds=()
  [[ -d fuzz/corpus/$name ]] && seeds=("fuzz/corpus/$name")
  if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=0 -verbosity=0 \
    -artifact_prefix="build/fuzz/crashes/$name-" "build/fuzz/corpus/$name" "${seeds[@]}" \
    >"build/fuzz/$name.log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "$name failed; its last lines:"
    tail -n 30 "build/fuzz/$name.log"
  fi
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
