// Which entities are kept from everybody, since when and why.
//
// H1: an entity is hidden while the latest of its HIDEs and UNHIDEs (event time, then seqno) is a HIDE, whatever the
//     order in which they arrive; what is shown of it is that HIDE's time and reason. An UNHIDE leaves its time behind.
// H2: it survives the deletion of the entity and holds again when the entity is put again; it goes when a user is
//     forgotten.
// Threads: single writer (the applier), concurrent readers without locks; time and reason are read together. The set
// and the table need not agree for the moment of a change.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "index/bitmap.h"
#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::index {

/// One elementary statement of the state, for digests: the latest HIDE or UNHIDE of an entity.
struct HiddenFact {
  EntityKind kind = EntityKind::Item;
  Ordinal entity = Ordinal::None;
  bool is_hidden = false;
  Timestamp at{};
  std::string_view reason;  ///< "" of an UNHIDE
};

class Hidden {
 public:
  Hidden();
  ~Hidden();
  Hidden(const Hidden&) = delete;
  Hidden& operator=(const Hidden&) = delete;

  [[nodiscard]] bool is_hidden(EntityKind kind, Ordinal entity) const;
  /// All that are hidden, as of now.
  [[nodiscard]] Bitmap hidden(EntityKind kind) const;
  /// How many there are. O(1).
  [[nodiscard]] std::uint64_t count(EntityKind kind) const;
  struct Info {
    Timestamp at{};
    std::string reason;
    bool operator==(const Info&) const = default;
  };
  /// Nothing when the entity is not hidden.
  [[nodiscard]] std::optional<Info> info(EntityKind kind, Ordinal entity) const;
  struct Latest {
    bool is_hidden = false;
    Timestamp at{};
  };
  /// Of the latest HIDE or UNHIDE; nothing where there was none.
  [[nodiscard]] std::optional<Latest> latest(EntityKind kind, Ordinal entity) const;

  // Write side. Applier only.

  struct Change {
    EntityKind kind = EntityKind::Item;
    Ordinal entity = Ordinal::None;
    Timestamp at{};
  };
  /// In seqno order, as unhide().
  void hide(const Change& change, std::string_view reason);
  void unhide(const Change& change);
  /// Forgets the entity as if it had never been hidden.
  void forget(EntityKind kind, Ordinal entity);
  void clear();

  /// The state as of now, detached. Encoding may happen on another thread while the state changes, but not after it is
  /// gone. Nothing retired anywhere is freed meanwhile.
  class Capture {
   public:
    virtual ~Capture() = default;
    [[nodiscard]] virtual std::string encode() const = 0;
  };
  [[nodiscard]] std::unique_ptr<Capture> capture() const;
  /// Replaces everything. Corruption on bytes that encode() cannot have written, and on ordinals for which `is_known`
  /// is false (asked for the largest of a kind); the state is left as it was.
  [[nodiscard]] Status restore(std::string_view image, const std::function<bool(EntityKind, Ordinal)>& is_known);
  /// Every fact, in no particular order.
  void for_each_fact(const std::function<void(const HiddenFact&)>& visit) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct State;
  class StateCapture;
  void apply(const Change& change, bool is_hidden, std::string_view reason);

  std::atomic<State*> state_;  // replaced as a whole by clear() and restore(), freed by epochs
};

}  // namespace tidal::index
