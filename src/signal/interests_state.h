// What Interests consist of. Included by their own sources only.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/captures.h"
#include "base/chunked_array.h"
#include "index/term_dictionary.h"
#include "signal/interest_table.h"
#include "signal/interests.h"
#include "signal/item_values.h"

namespace tidal::signal {

/// One INTEREST field: its values, who has them and who cares. Terms stay for the field's life; an image leaves out
/// those that nobody has any more.
struct Interests::Field {
  Field(std::size_t at, std::string field_name) : position(at), name(std::move(field_name)) {}
  const std::size_t position;  // in the schema
  const std::string name;
  std::vector<std::uint32_t> defaults;  // ids, ascending; writer only
  index::TermDictionary terms;
  ItemValues items;
  base::ChunkedArray<InterestTable> users;
  mutable base::Captures<std::vector<ScoredTerm>> past_users;  // by ordinal; capturing is a read
  std::atomic<std::uint32_t> user_end{0};

  /// Ids of the values, ascending, each once.
  [[nodiscard]] std::vector<std::uint32_t> intern(const std::vector<std::string>& values);
  /// nullptr, null or a value of another type: the defaults.
  void set_item(Ordinal item, const Value* value);
  void save_for_captures(Ordinal user) {
    past_users.before_change(to_index(user), [this, user] { return users[to_index(user)].entries(); });
  }
  InterestTable& grow_to(Ordinal user) {
    // relaxed: the applier's own; who else reads it looks each user up in `users`, which publishes them.
    if (to_index(user) >= user_end.load(std::memory_order_relaxed)) {
      user_end.store(to_index(user) + 1, std::memory_order_relaxed);
    }
    return users.at_grown(to_index(user));
  }
};

/// The fields readers can find, by position in the schema (null: not followed); replaced as a whole when one is added.
struct Interests::Directory {
  std::vector<const Field*> by_position;
};

struct Interests::State {
  ~State() { delete directory.load(std::memory_order_relaxed); }
  std::vector<std::unique_ptr<Field>> fields;        // writer only; in the order in which they were followed
  std::atomic<const Directory*> directory{nullptr};  // released by publish(), freed by epochs
  std::vector<std::uint32_t> scratch;                // writer only: an item's ids

  [[nodiscard]] Field* find(std::string_view name);
  Field& add(std::size_t position, std::string name);
  void publish();
};

}  // namespace tidal::signal
