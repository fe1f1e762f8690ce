# Compiler settings that hold for every target of ours.
option(TIDAL_TESTS "Build the tests" ON)
option(TIDAL_BENCH "Build the benchmarks" ON)
option(TIDAL_FUZZ "Build the libFuzzer targets (clang only)" OFF)
option(TIDAL_WERROR "Warnings are errors" OFF)
option(TIDAL_CHECK_LAYERS "Compile every header alone, link every library against its declared dependencies" OFF)
set(TIDAL_SANITIZE "" CACHE STRING "Sanitizers, comma-separated: address,undefined | thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness lets ccache serve files that use a precompiled header. The two others let clones share results.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
    CCACHE_NOHASHDIR=1 ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

add_library(tidal_flags INTERFACE)
# -ffp-contract=off: arithmetic that writes state gives the same bits on every CPU (docs/determinism.md).
# -Wno-missing-field-initializers: leaving members at their defaults is the point of a designated initializer.
# -Wno-restrict: gcc 12 sees overlapping copies in std::string's operator+ where there are none (its bug 105329).
target_compile_options(tidal_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> -ffp-contract=off -fno-omit-frame-pointer)
if(TIDAL_WERROR)
  target_compile_options(tidal_flags INTERFACE -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # gcc's flow-based warnings see ghosts in code that a sanitizer has instrumented.
    target_compile_options(tidal_flags INTERFACE -Wno-error=stringop-overflow -Wno-error=maybe-uninitialized
      -Wno-error=array-bounds)
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(tidal_flags INTERFACE -Wthread-safety -Werror=thread-safety)
endif()
if(TIDAL_SANITIZE)
  target_compile_options(tidal_flags INTERFACE -fsanitize=${TIDAL_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(tidal_flags INTERFACE -fsanitize=${TIDAL_SANITIZE})
  target_compile_definitions(tidal_flags INTERFACE _GLIBCXX_ASSERTIONS TIDAL_SANITIZED)
endif()
if(TIDAL_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "libFuzzer needs clang: cmake --workflow --preset fuzz")
  endif()
  target_compile_options(tidal_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
find_program(LLD ld.lld)
if(LLD)
  target_link_options(tidal_flags INTERFACE -fuse-ld=lld)
endif()
