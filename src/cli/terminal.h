// Where a command reads and writes, and what it may assume of the other end.
//
// Threads: set up once in main, then only read; the streams belong to the thread that runs the command.
#pragma once

#include <iosfwd>
#include <string_view>

namespace tidal::cli {

/// How a command ended, as its exit code.
enum class Exit : int {
  Ok = 0,
  Failed = 1,  ///< it was understood and did not succeed
  Usage = 2,   ///< it was not understood
};

/// Answers go to `out`, everything else (errors, progress, timings) to `err`.
struct Terminal {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool color = false;  ///< on `out` and `err`, each only while it is a terminal
  bool quiet = false;  ///< no progress, no timings, no advice
  int columns = 100;   ///< width to cut tables to
};

/// The process's own streams; heeds NO_COLOR, TERM and COLUMNS.
[[nodiscard]] Terminal process_terminal();

enum class Style { Plain, Bold, Dim, Red, Green, Yellow, Cyan };

/// The escape that begins a style on `out` (or `err`), or "" where colours are off. Style::Plain ends one.
[[nodiscard]] std::string_view out_style(const Terminal& terminal, Style style);
[[nodiscard]] std::string_view err_style(const Terminal& terminal, Style style);

}  // namespace tidal::cli
