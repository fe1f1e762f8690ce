// Which entities have which field values: bitmaps by keyword, columns of numbers, the set of live entities.
//
// Only INDEXED fields are in it, plus, for each kind, sort keys of its first TEXT field. A dead entity is in no bitmap
// and in no column. State and reads are here; field_index_mat.h feeds it from the log.
// Threads: single writer (the applier), concurrent readers without locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/bitmap.h"
#include "index/number_column.h"
#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::schema {
struct Schema;
}

namespace tidal::index {

/// The first 8 bytes of `text`, ASCII letters in lower case, big-endian and zero-padded: integer order is byte order of
/// the folded texts, up to ties.
[[nodiscard]] std::uint64_t text_sort_key(std::string_view text);

/// One elementary statement of the index, for digests: `entity` has it.
struct IndexFact {
  enum class Type : std::uint8_t { Live = 0, Keyword = 1, HasKeywords = 2, Number = 3, TextSortKey = 4 };
  Type type = Type::Live;
  EntityKind kind = EntityKind::Item;
  Ordinal entity = Ordinal::None;
  std::string_view field;    ///< "" for Live
  std::string_view keyword;  ///< of Keyword
  std::uint64_t bits = 0;    ///< of Number (its double's bits) and TextSortKey
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

  /// How many live entities of a kind there are. O(1).
  [[nodiscard]] std::uint64_t live_count(EntityKind kind) const;
  [[nodiscard]] bool is_live(EntityKind kind, Ordinal o) const;

  // Write side. Applier only.

  /// Takes up indexed fields that were declared since; live entities get their defaults.
  void configure(const schema::Schema& schema);
  /// Makes the entity live with exactly these fields; a missing one takes its default.
  void put(EntityKind kind, Ordinal o, const Fields& fields);
  /// Changes the named fields only; null brings back the default.
  void update(EntityKind kind, Ordinal o, const Fields& fields);
  /// Makes an entity that another record implied live with defaults; no change when it is live.
  void ensure_live(EntityKind kind, Ordinal o);
  /// The entity is in nothing any more.
  void remove(EntityKind kind, Ordinal o);
  void clear();

  /// The state as of now, detached: sets are pinned, columns are copied. Encoding may happen on another thread while
  /// the index changes, but not after it is gone. Nothing retired anywhere is freed meanwhile.
  class Capture {
   public:
    virtual ~Capture() = default;
    [[nodiscard]] virtual std::string encode() const = 0;
  };
  [[nodiscard]] std::unique_ptr<Capture> capture() const;
  /// Replaces everything. Corruption on bytes that encode() cannot have written under that schema, and on ordinals for
  /// which `is_known` is false (asked for the largest of a kind, so that damage cannot make columns huge); the index
  /// is left as it was.
  [[nodiscard]] Status restore(std::string_view image, const schema::Schema& schema,
                               const std::function<bool(EntityKind, Ordinal)>& is_known);
  /// Every fact, in no particular order.
  void for_each_fact(const std::function<void(const IndexFact&)>& visit) const;
  /// Internal names the first inconsistency. Cost: everything is looked at.
  [[nodiscard]] Status validate() const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct State;
  struct Directory;
  struct IndexedField;
  struct KindState;
  class StateCapture;
  [[nodiscard]] const IndexedField* find(EntityKind kind, std::string_view field) const;

  std::atomic<State*> state_;  // replaced as a whole by clear() and restore(), freed by epochs
};

}  // namespace tidal::index
