// How the columns of a table become operations:  item:key=movieId,title=title,tags=genres:split(|)
//
//   map    := target ":" pair {"," pair} ["," "where=" condition]     target := item | user | creator | signal
//   pair   := name "=" column [":" reader]      a constant stands in quotes; kind= takes a signal's name or col(column)
//   column := header name | number from 1       reader := unix | unix_ms | iso | split(c) | json
// Threads: immutable once bound.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/import/cell_value.h"
#include "cli/import/declared.h"
#include "cli/import/operation.h"
#include "cli/import/where.h"
#include "tidal/result.h"

namespace tidal::cli {

class Map {
 public:
  /// InvalidArgument quotes the part that is wrong.
  [[nodiscard]] static Result<Map> parse(std::string_view text);

  /// True when columns are named, so that the file must begin with a header line.
  [[nodiscard]] bool needs_header() const { return needs_header_; }
  /// Finds the columns in the header (empty when columns are numbered) and the names in the schema. InvalidArgument or
  /// NotFound name what is missing and what there is.
  [[nodiscard]] Status bind(const std::vector<std::string>& header, const Declared& declared, bool created_at_now);

  /// The operation of one row; no operation and no reason when the where-condition leaves the row out.
  [[nodiscard]] Parsed apply(const std::vector<std::string_view>& cells, std::uint64_t line) const;

 private:
  struct Pair {
    std::string name;
    std::string column;    // "" for a constant
    std::string constant;  // when `column` is ""
    Reader reader;
    std::size_t place = 0;
    FieldType type = FieldType::Text;  // of an entity's field
    bool is_field = false;
  };
  [[nodiscard]] Status parse_pair(std::string_view text);
  [[nodiscard]] Status check_shape() const;
  [[nodiscard]] Status bind_name(Pair& pair, const Declared& declared) const;
  [[nodiscard]] Result<std::size_t> place_of(const std::string& column, const std::vector<std::string>& header) const;
  [[nodiscard]] Status apply_to_signal(const Pair& pair, std::string_view cell, Signal& signal) const;
  [[nodiscard]] Status apply_to_entity(const Pair& pair, std::string_view cell, PutOperation& put,
                                       std::string& refusal) const;
  [[nodiscard]] Result<ImportedOperation> signal_of(const std::vector<std::string_view>& cells,
                                                    std::string& refusal) const;
  [[nodiscard]] Result<ImportedOperation> entity_of(const std::vector<std::string_view>& cells,
                                                    std::string& refusal) const;

  std::optional<EntityKind> entity_;  // none: signals
  std::vector<Pair> pairs_;
  Where where_;
  bool needs_header_ = false;
  bool numbered_ = false;
  bool created_at_now_ = false;
  const Declared* declared_ = nullptr;  // set by bind; must outlive the map
};

}  // namespace tidal::cli
