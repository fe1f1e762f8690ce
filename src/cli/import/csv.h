// Records of comma- or tab-separated text: quotes, doubled quotes, line breaks inside quotes.
//
// Threads: one at a time. Source: RFC 4180, with any one-character separator.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/import/line_reader.h"
#include "tidal/result.h"

namespace tidal::cli {

inline constexpr std::size_t kCsvRecordBytesMax = std::size_t{1} << 20;

struct CsvRecord {
  std::vector<std::string_view> cells;  ///< valid until the next call
  std::uint64_t line = 0;               ///< of its first line, from 1
  std::string defect;                   ///< not empty: why this record cannot be used; `cells` is empty then
};

class CsvReader {
 public:
  CsvReader(LineReader& lines, char separator) : lines_(lines), separator_(separator) {}

  /// False at the end. Blank lines are skipped.
  [[nodiscard]] Result<bool> next(CsvRecord& record);

 private:
  void split_plain(std::string_view line, CsvRecord& record) const;
  void split_quoted(CsvRecord& record);

  LineReader& lines_;
  char separator_;
  std::string whole_;    // the record's lines, joined
  std::string cleaned_;  // unquoted cells, one behind the other
  std::vector<std::pair<std::size_t, std::size_t>> places_;
};

/// The separator (one of , ; tab |) that splits the first lines of `head` most evenly; ',' when none does.
[[nodiscard]] char sniff_separator(std::string_view head);

/// One line's cells, owned; for previews and headers.
[[nodiscard]] std::vector<std::vector<std::string>> first_records(std::string_view head, char separator,
                                                                  std::size_t count);

}  // namespace tidal::cli
