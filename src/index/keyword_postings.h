// One keyword or keyword-list field: for each value the entities that have it.
//
// K1: an entity is in a value's set exactly when its list holds the value, and in having() exactly when its list is not
// empty. Repeated values of a list count once; their order is not kept.
// Threads: single writer, concurrent readers without locks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "index/bitmap.h"
#include "index/live_bitmap.h"
#include "index/term_dictionary.h"
#include "index/value_lists.h"
#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::index {

class KeywordPostings {
 public:
  // Write side.

  /// Replaces the entity's values; none: it has no value.
  void set(Ordinal o, std::span<const std::string_view> values);

  // Read side: any thread.

  [[nodiscard]] Bitmap with(std::string_view value) const;
  [[nodiscard]] std::uint64_t count(std::string_view value) const;
  [[nodiscard]] Bitmap having() const { return having_.snapshot(); }
  /// Values with their counts, most frequent first, ties by value; at most n.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> top(std::size_t n) const;

  // Writer only.

  /// Calls visit(value, entities) for every value that somebody has.
  template <class Visit>
  void for_each_value(Visit visit) const {
    for (std::uint32_t id = 0; id < terms_.size(); ++id) {
      if (terms_.entities(id).cardinality() > 0) visit(terms_.term(id), terms_.entities(id).to_vector());
    }
  }
  /// Every value that somebody has, with its entities; see LiveBitmap::Capture for how long it is valid.
  struct CapturedValue {
    const std::string* term;
    LiveBitmap::Capture entities;
  };
  [[nodiscard]] std::vector<CapturedValue> capture() const;
  /// Into an empty field. Corruption on bytes that encode_postings() cannot have written; every ordinal is below
  /// `ordinals`.
  [[nodiscard]] Status decode(base::Decoder& in, std::uint32_t ordinals);
  /// K1; Internal names the first value that breaks it.
  [[nodiscard]] Status validate() const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  TermDictionary terms_;
  LiveBitmap having_;
  ValueLists lists_;
};

/// The image of captured postings.
void encode_postings(std::vector<KeywordPostings::CapturedValue> values, base::Encoder& out);

}  // namespace tidal::index
