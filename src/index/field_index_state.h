// What a FieldIndex consists of. Included by its own sources only.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "base/chunked_array.h"
#include "base/word_column.h"
#include "index/field_index.h"
#include "index/keyword_postings.h"
#include "index/live_bitmap.h"
#include "index/number_column.h"
#include "tidal/schema.h"

namespace tidal::index {

/// One field with whichever structure its type asks for.
struct FieldIndex::IndexedField {
  explicit IndexedField(const FieldDef& d);
  FieldDef def;
  std::unique_ptr<KeywordPostings> keywords;  // Keyword, KeywordList
  std::unique_ptr<NumberColumn> numbers;      // all other indexed types

  /// nullptr, null or a value of another type: the default, if there is one.
  void set(Ordinal o, const Value* value);
  void clear(Ordinal o);

 private:
  bool set_explicit(Ordinal o, const Value& value);
};

/// The fields readers can find, replaced as a whole when one is added.
struct FieldIndex::Directory {
  std::vector<const IndexedField*> fields;
};

struct FieldIndex::KindState {
  ~KindState() { delete directory.load(std::memory_order_relaxed); }

  LiveBitmap live;
  // The members of `live` as bits, for the question that every signal asks. Only the writer reads and writes them.
  base::ChunkedArray<std::uint64_t> live_bits;
  std::vector<std::unique_ptr<IndexedField>> fields;  // writer only; in order of declaration
  std::atomic<const Directory*> directory{nullptr};   // released by publish(), freed by epochs
  /// The first TEXT field; "" none yet. Writer only.
  FieldDef text;
  /// Complement of the sort key, so that the zero of fresh memory means "missing".
  base::WordColumn<std::uint64_t> text_keys;

  /// True when it was not.
  bool make_live(Ordinal o);
  /// True when it was.
  bool make_dead(Ordinal o);
  void publish();
  void set_text(Ordinal o, const Value* value);
  void clear_text(Ordinal o);
  /// Takes up one definition; true when it is a new indexed field.
  bool adopt(const FieldDef& def);
};

struct FieldIndex::State {
  std::array<KindState, kEntityKinds> kinds;
  [[nodiscard]] KindState& of(EntityKind kind) { return kinds[static_cast<std::size_t>(kind)]; }
};

}  // namespace tidal::index
