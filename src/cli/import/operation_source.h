// Operations of a file one after the other, whatever its form: JSON lines, or a table with maps.
//
// Threads: one at a time.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "cli/import/csv.h"
#include "cli/import/declared.h"
#include "cli/import/import_target.h"
#include "cli/import/json_value.h"
#include "cli/import/line_reader.h"
#include "cli/import/map.h"
#include "cli/import/rejects.h"
#include "tidal/result.h"

namespace tidal::cli {

/// True when the first line begins with "{": JSON lines; else it is a table.
[[nodiscard]] bool looks_like_json(std::string_view head);

/// InvalidArgument when the first bytes of a file are no text.
[[nodiscard]] Status check_is_text(std::string_view head);

class OperationSource {
 public:
  /// What the source needs besides the file; all must outlive it.
  struct Context {
    const ImportTarget& target;
    Rejects& rejects;
    bool created_at_now = false;
  };
  /// `maps` only matter for tables, where they must not be empty (InvalidArgument).
  [[nodiscard]] static Result<std::unique_ptr<OperationSource>> open(base::FileSystem& fs, const std::string& path,
                                                                     std::vector<Map> maps, const Context& context);

  /// The next operation in file order (of one row: in the order of the maps); false at the end. Bad lines go to the
  /// rejects; InvalidArgument when they become too many.
  [[nodiscard]] Result<bool> next(ImportedOperation& operation);
  /// The file says that it is an export: its lines must be applied in their order.
  [[nodiscard]] bool is_in_log_order() const { return is_in_log_order_; }
  [[nodiscard]] bool is_json() const { return json_ != nullptr; }
  /// Share of the file read, in [0, 1].
  [[nodiscard]] double share() const { return lines_.share(); }

 private:
  OperationSource(std::unique_ptr<InputStream> stream, const Context& context)
      : context_(context),
        lines_(std::move(stream)),
        schema_(context.target.schema_text()),
        declared_(read_declared(schema_)) {}
  [[nodiscard]] Status begin(std::vector<Map> maps);
  /// Reads one line or record and appends what it gives to waiting_; false at the end.
  [[nodiscard]] Result<bool> read_json();
  [[nodiscard]] Result<bool> read_row();
  [[nodiscard]] Status take(Parsed parsed, std::uint64_t line);
  /// What a line of definitions means for the lines behind it; Refused when it cannot be run.
  [[nodiscard]] Status foresee(ImportedOperation& operation);

  Context context_;
  LineReader lines_;
  std::string schema_;  // with the definitions read so far, whether or not they have been written
  Declared declared_;   // of schema_
  bool is_in_log_order_ = false;
  std::unique_ptr<JsonLineParser> json_;
  std::unique_ptr<CsvReader> csv_;
  std::vector<Map> maps_;
  CsvRecord record_;
  std::size_t columns_ = 0;
  std::deque<ImportedOperation> waiting_;
};

}  // namespace tidal::cli
