// What a bare table probably holds: separator, header, types of its columns, and the map that would import it.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/import/declared.h"

namespace tidal::cli {

enum class ColumnType { Empty, Integer, Number, UnixSeconds, UnixMillis, IsoTime, List, Text };

/// "integer", "unix seconds" …
[[nodiscard]] std::string_view column_type_text(ColumnType type);

struct Guess {
  char separator = ',';
  bool has_header = false;
  std::vector<std::string> columns;            ///< names, or numbers from 1 without a header
  std::vector<ColumnType> types;               ///< parallel to `columns`
  std::vector<std::vector<std::string>> rows;  ///< the first few
  std::string map;                             ///< "" when nothing sensible was found
  std::vector<std::string> notes;              ///< what was left out and what would bring it in, a sentence each
};

/// `head`: the beginning of the file. Names of fields and signals are taken from what is declared.
[[nodiscard]] Guess guess_table(std::string_view head, const Declared& declared);

}  // namespace tidal::cli
