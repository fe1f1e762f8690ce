// Which entities have which field values: bitmaps by keyword, columns of numbers, the set of live entities.
//
// Only INDEXED fields are in it, plus, for each kind, sort keys of its first TEXT field. A dead entity is in no bitmap
// and in no column. State and reads are here; field_index_mat.h feeds it from the log.
// Threads: single writer (the applier), concurrent readers without locks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/bitmap.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::index {

/// Inclusive or exclusive bounds over a numeric column. Bool counts as 0/1; times and durations are microseconds.
struct NumberRange {
  double low = 0;  // -inf: none
  double high = 0;
  bool low_inclusive = true;
  bool high_inclusive = true;
};

class FieldIndex {
 public:
  FieldIndex();
  ~FieldIndex();
  FieldIndex(const FieldIndex&) = delete;
  FieldIndex& operator=(const FieldIndex&) = delete;

  /// Live entities of a kind.
  [[nodiscard]] Bitmap live(EntityKind kind) const;
  [[nodiscard]] bool is_indexed(EntityKind kind, std::string_view field) const;
  /// Keyword and keyword-list fields: entities that have the value. Empty for an unknown value.
  [[nodiscard]] Bitmap with_keyword(EntityKind kind, std::string_view field, std::string_view value) const;
  /// How many entities have the value, without building the set: for the planner.
  [[nodiscard]] std::uint64_t count_keyword(EntityKind kind, std::string_view field, std::string_view value) const;
  /// Entities whose number lies in the range.
  [[nodiscard]] Bitmap in_range(EntityKind kind, std::string_view field, NumberRange range) const;
  /// Entities that have a value at all (a default counts).
  [[nodiscard]] Bitmap having(EntityKind kind, std::string_view field) const;
  /// out[i] = the number of ordinals[i], or `missing`. Int, float, bool, timestamp and duration fields.
  void numbers(EntityKind kind, std::string_view field, std::span<const Ordinal> ordinals, double missing,
               std::span<double> out) const;
  /// out[i] = the first 8 case-folded bytes of the first TEXT field, big-endian, so that integer order is text order;
  /// ~0 when missing. Ties need the text itself.
  void text_sort_keys(EntityKind kind, std::span<const Ordinal> ordinals, std::span<std::uint64_t> out) const;
  /// Distinct values of a keyword field with their counts, most frequent first, at most n.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> top_keywords(EntityKind kind, std::string_view field,
                                                                                std::size_t n) const;

  // The write side (the materializer's), the image and the digest are declared by the implementation below.
};

}  // namespace tidal::index
