#!/usr/bin/env bash
# Checks that every C++ file is formatted as .clang-format says; --fix rewrites those that are not.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=(--dry-run -Werror)
[[ "${1:-}" == --fix ]] && mode=(-i)
# Files of the work tree rather than of the index, so that a new file is checked before its first commit.
find include src test fuzz bench examples -name '*.h' -o -name '*.cc' | sort |
  xargs -r -n 20 -P 2 clang-format-14 "${mode[@]}"
