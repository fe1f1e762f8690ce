// Rows and columns as aligned text: numbers to the right, wide text cut so that the whole fits the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tidal::cli {

struct Column {
  std::string name;
  bool right = false;  ///< aligned to the right: numbers
  bool whole = false;  ///< never cut: keys and numbers
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  ///< each as long as `columns`
};

/// Header, a rule, the rows; two spaces between columns; every line ended by a line break and at most `width` columns
/// wide unless what must stay whole does not fit. "" for a table without columns.
[[nodiscard]] std::string render(const Table& table, std::size_t width);

/// RFC 4180: a header line, quotes where needed, lines ended by a line break.
[[nodiscard]] std::string render_csv(const Table& table);

}  // namespace tidal::cli
