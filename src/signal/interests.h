// What each user has shown interest in: decayed counts by value of the INTEREST fields of items.
//
// I1: interest(u, f, v) = sum over u's events of signals with Role::Positive, on items that had v in f when the event
//     was applied, of weight * 2^(-(now - at) / 30 days), in the form of signal/decay.h: the order of arrival does not
//     change it beyond rounding (1e-9 relative). No undo, and no later change or deletion of the item, changes it.
// I2: an item's values are those of the records since the field became INTEREST; the field's default where the item has
//     none. Repeated values count once. A field that becomes INTEREST later begins with items that are put from then
//     on.
// I3: match(u, f, item) = sum of interest(u, f, v) over the item's values / sum over all values of f; in [0, 1].
// Units: microseconds. Threads: single writer (the applier), concurrent readers without locks; what one event adds in
// one field is seen whole or not at all. Source: docs/feedback.md.
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

#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::schema {
struct Schema;
}

namespace tidal::signal {

inline constexpr Duration kInterestHalfLife = days(30);

/// One elementary statement of the state, for digests.
struct InterestFact {
  enum class Type : std::uint8_t {
    Field = 0,      ///< the field is followed
    Default = 1,    ///< `value` is among what items have that have none
    ItemValue = 2,  ///< `entity` (an item) has the value
    Score = 3,      ///< `entity` (a user) has the score for the value
  };
  Type type = Type::Field;
  Ordinal entity = Ordinal::None;
  std::string_view field;
  std::string_view value;
  double score = 0;
  std::int64_t newest_us = 0;
};

/// One of a user's interests.
struct Interest {
  std::size_t field = 0;  ///< position in the schema
  std::string value;
  double weight = 0;
};

class Interests {
 public:
  Interests();
  ~Interests();
  Interests(const Interests&) = delete;
  Interests& operator=(const Interests&) = delete;

  /// I1; `field`: its position in the schema. 0 for what is unknown.
  [[nodiscard]] double interest(Ordinal user, std::size_t field, std::string_view value, Timestamp now) const;
  /// Over all fields: the largest first, ties by field and value; at most n. Nothing that has decayed to 0.
  [[nodiscard]] std::vector<Interest> top(Ordinal user, std::size_t n, Timestamp now) const;
  struct Match {
    Ordinal user = Ordinal::None;
    std::size_t field = 0;  ///< position in the schema
    Timestamp now;
  };
  /// I3: out[i] is of items[i]; 0 where the user or the item has nothing. Cost: the user's values in that field once,
  /// then a binary search for each of an item's values.
  void match(const Match& what, std::span<const Ordinal> items, std::span<double> out) const;

  // Write side. Applier only.

  struct FieldToFollow {
    std::size_t position = 0;  ///< in the schema
    std::string name;
    std::vector<std::string> defaults;  ///< what items have that have none
  };
  /// Follows the field from now on; of a known one the defaults change for items put from now on.
  void follow(const FieldToFollow& field);
  /// The item has exactly these fields; a missing one takes its default.
  void put_item(Ordinal item, const Fields& fields);
  /// Changes the named fields only; null brings back the default.
  void update_item(Ordinal item, const Fields& fields);
  /// The item was deleted: it has no values; interests stay.
  void clear_item(Ordinal item);
  struct Shown {
    Ordinal user = Ordinal::None;
    Ordinal item = Ordinal::None;
    Timestamp at{};
    double weight = 1;
  };
  /// A positive signal. A weight that is not above 0 shows nothing.
  void record(const Shown& event);
  /// What to fetch ahead of an event: the places of its user and item, then what lies behind them.
  enum class PrefetchStage : std::uint8_t { Places, Tables };
  void prefetch(const Shown& event, PrefetchStage stage) const;
  void erase_user(Ordinal user);
  void clear();

  /// The state as of now, detached. Encoding may happen on another thread while the state changes, but not after it is
  /// gone. Nothing retired anywhere is freed meanwhile.
  class Capture {
   public:
    virtual ~Capture() = default;
    [[nodiscard]] virtual std::string encode() const = 0;
  };
  [[nodiscard]] std::unique_ptr<Capture> capture() const;
  /// Replaces everything. Corruption on bytes that encode() cannot have written under that schema, and on ordinals for
  /// which `is_known` is false (asked for the largest of a kind); the state is left as it was.
  [[nodiscard]] Status restore(std::string_view image, const schema::Schema& schema,
                               const std::function<bool(EntityKind, Ordinal)>& is_known);
  /// Every fact, in no particular order.
  void for_each_fact(const std::function<void(const InterestFact&)>& visit) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Field;
  struct Directory;
  struct State;
  class StateCapture;
  class FieldReader;
  [[nodiscard]] const Field* find(std::size_t position) const;

  std::atomic<State*> state_;  // replaced as a whole by clear() and restore(), freed by epochs
};

}  // namespace tidal::signal
