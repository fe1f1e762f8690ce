// How many distinct users sent a signal, by entity and window: items and creators, for signals that declare UNIQUE.
//
// A window is counted in 8 sub-windows of an eighth of it (sub_windows.h), a read joins the 8 that end in the present
// one; `all` is one set. Sets hold up to 64 users exactly, above that a sketch (hyperloglog.h).
// Q1: a window keeps the 8 newest sub-windows counted back from its newest event; what is older counts in `all` only.
// Q2: a union of exact sets is exact; with a sketch in it, it is the estimate of the sketch of all its users.
// Q3: counting begins when a signal becomes UNIQUE, and in a window when the signal gets it; what ends is forgotten.
// Q4: no key and no hash of one is kept: users are ordinals, and an erased one is a number that names nobody.
// Threads: single writer (the applier), concurrent readers without locks; one pair is read consistently.
// Semantics and sizes: docs/distinct_users.md.
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

#include "signal/uniques_table.h"
#include "tidal/result.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::signal {

/// One signal or edge of a user, as it is counted.
struct UniquesEvent {
  std::uint16_t signal = 0;  ///< position in the schema
  Ordinal user = Ordinal::None;
  Ordinal subject = Ordinal::None;  ///< of the kind that the signal targets
  Ordinal creator = Ordinal::None;  ///< of a subject that is an item
  Timestamp at{};
};

struct UniquesQuery {
  EntityKind kind = EntityKind::Item;
  std::uint16_t signal = 0;
  Window window = Window::All;
  Timestamp now{};
};

/// One elementary statement of the state, for digests.
struct UniquesFact {
  enum class Type : std::uint8_t {
    Declared = 0,  ///< the signal counts users in `windows` and in all
    Users = 1,     ///< exactly these users
    Sketch = 2,    ///< these registers
  };
  Type type = Type::Declared;
  std::uint16_t signal = 0;
  EntityKind kind = EntityKind::Item;
  Ordinal entity = Ordinal::None;
  Window window = Window::All;
  std::int64_t sub_window = 0;  ///< 0 of all
  unsigned windows = 0;
  std::span<const Ordinal> users{};
  std::span<const std::uint8_t> registers{};
};

class Uniques {
 public:
  explicit Uniques(UniquesLimits limits = {});
  ~Uniques();
  Uniques(const Uniques&) = delete;
  Uniques& operator=(const Uniques&) = delete;

  /// out[i] = distinct users of entities[i]; 0 for what is not counted. out.size() == entities.size(). A whole number.
  void uniques(const UniquesQuery& query, std::span<const Ordinal> entities, std::span<double> out) const;

  // Write side. Applier only.

  /// Definitions that are new or changed, as the schema takes them (Q3).
  void declare(std::span<const SignalDef> definitions);
  /// Nothing for an event without a user, or of a signal that is not UNIQUE.
  void record(const UniquesEvent& event) noexcept;
  using Stage = UniquesTable::Stage;
  void prefetch(const UniquesEvent& event, Stage stage) const;
  /// The entity was deleted.
  void clear_entity(EntityKind kind, Ordinal entity) noexcept;
  void clear();
  /// "" of a signal that was never declared.
  [[nodiscard]] std::string_view signal_name(std::uint16_t signal) const;
  /// Whether an event on that kind of entity counts for the signal.
  [[nodiscard]] bool counts(std::uint16_t signal, EntityKind target) const;

  /// Asked for the largest ordinal of a kind: bounds that keep damage from making tables huge.
  using IsKnown = std::function<bool(EntityKind, Ordinal)>;
  /// The state as of now, detached; pairs that change later are saved before. Encoding may happen on another thread
  /// while the state changes, but not after it is gone. Nothing retired anywhere is freed meanwhile.
  class Capture {
   public:
    virtual ~Capture() = default;
    [[nodiscard]] virtual std::string encode() const = 0;
  };
  [[nodiscard]] std::unique_ptr<Capture> capture() const;
  /// Replaces everything. Corruption on bytes that encode() cannot have written within the bounds; the state is left
  /// as it was.
  [[nodiscard]] Status restore(std::string_view image, const IsKnown& is_known);
  /// Every fact, in no particular order.
  void for_each_fact(const std::function<void(const UniquesFact&)>& visit) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Declared;
  struct State;
  class StateCapture;

  const UniquesLimits limits_;
  std::atomic<State*> state_;  // replaced as a whole by clear() and restore(), freed by epochs
};

}  // namespace tidal::signal
