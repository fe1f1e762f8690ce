#!/usr/bin/env bash
# Installs the build into a folder of its own and uses it as a stranger would: the command, CMake, pkg-config.
#
#   install_test.sh BUILD_DIR CXX [COMPILE_AND_LINK_FLAGS…]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 cxx=$2
shift 2
work=$build/package_test
prefix=$work/prefix
rm -rf "$work"

cmake --install "$build" --prefix "$prefix" >/dev/null
if grep -rlF "$(cd "$here/../.." && pwd)" "$prefix/include" "$prefix/lib"/*/ "$prefix/share" 2>/dev/null; then
  echo "the files above name the source tree" >&2
  exit 1
fi

"$prefix/bin/tidal" version

# The program that the README shows is a stranger, too.
readme=$work/readme.cc
awk '/^```cpp$/ {on = 1; next} /^```/ {on = 0} on' "$here/../../README.md" >"$readme"
grep -q 'int main' "$readme"

cmake -S "$here" -B "$work/build" -DREADME_PROGRAM="$readme" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_CXX_FLAGS="$*" >/dev/null
cmake --build "$work/build"
"$work/build/stranger"
echo "CMake package: works"
answer=$(cd "$work" && build/readme)
[[ $answer == "1 i1 "* ]] || { echo "README: expected the page of one item, got '$answer'" >&2; exit 1; }
echo "README's program: works"

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
# shellcheck disable=SC2046  # the flags are words
"$cxx" -std=c++20 "$@" "$here/stranger.cc" -o "$work/stranger" \
  $(pkg-config --define-variable=prefix="$prefix" --cflags --libs tidal)
"$work/stranger"
echo "pkg-config file: works"
