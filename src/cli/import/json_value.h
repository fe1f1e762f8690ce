// JSON lines as operations: the import format of docs/import.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "cli/import/declared.h"
#include "cli/import/line_reader.h"
#include "cli/import/operation.h"
#include "tidal/result.h"

namespace tidal::cli {

/// Reads one line after the other. Threads: one at a time.
class JsonLineParser {
 public:
  /// `declared` is looked at again for each line; it must outlive the parser. `created_at_now`: a missing created_at
  /// means the clock, not "left open to the earliest signal".
  JsonLineParser(const Declared& declared, bool created_at_now);
  ~JsonLineParser();
  JsonLineParser(const JsonLineParser&) = delete;
  JsonLineParser& operator=(const JsonLineParser&) = delete;

  /// kLinePadding readable bytes must follow `text`.
  [[nodiscard]] Parsed parse(std::string_view text, std::uint64_t line);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Are the bytes valid UTF-8?
[[nodiscard]] bool is_utf8(std::string_view text);

/// An array of numbers; nullopt for anything else, an empty one, and numbers beyond a float's.
[[nodiscard]] std::optional<std::vector<float>> read_json_vector(std::string_view text);

/// A cell that holds JSON, as a value of a declared type. InvalidArgument "expected KEYWORD[], got a number".
[[nodiscard]] Result<Value> read_json_cell(std::string_view text, FieldType type);

}  // namespace tidal::cli
