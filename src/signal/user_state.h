// What each user did to each item: marks (seen, liked, saved …) with their times, and net counts of standing signals.
//
// U1: signal s of u holds a mark on i while, among its events that set the mark and the undos of s by u on i, the
// latest
//     (event time, then seqno) is an event, whatever the order in which they arrive; its time is that event's. A mark
//     stands while any signal holds it; its time is the latest of theirs. `seen` is never taken back.
// U2: in_progress(u, i) holds when its mark is later than completed's (event time, then seqno), among what is left of
//     both; progress is the value of the event that decides in_progress.
// U3: net(s, i) = users whose s stands on i: holds a mark other than seen; plus s without a user; for a signal that
// sets
//     no such mark it is the count of its events.
// U4: marks and undos survive the deletion of their item (invisible while it is dead) and hold again when it is put
//     again.
// U5: the time of the latest undo of (u, i, s) stays, also where nothing stood: an older event of s that comes later
//     sets no mark but seen. An event at that time or after it stands again.
// Times of `seen` are kept only while asked for (keep_seen_times); a seen mark without a time counts as set when
// keeping began, so that it expires as well. Threads: single writer (the applier), concurrent readers without locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "index/bitmap.h"
#include "tidal/result.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::signal {

/// One signal event on an item, as user state takes it.
struct MarkEvent {
  std::uint16_t signal = 0;  ///< position in the schema
  Ordinal user = Ordinal::None;
  Ordinal item = Ordinal::None;
  Timestamp at{};
  std::optional<double> value{};
};

/// One elementary statement of the state, for digests.
struct UserStateFact {
  enum class Type : std::uint8_t {
    Seen = 0,            ///< the user has seen the item
    Entry = 1,           ///< `signal` set `mark`; number: its time in microseconds. Of `seen`, signal is 0
    Progress = 2,        ///< number: the double's bits; negative when completion came later
    NetUsers = 3,        ///< number: users whose signal stands
    NetEvents = 4,       ///< number: events counted beside users
    SeenTimes = 5,       ///< number: since when times of seen are kept; absent when they are not
    Undone = 6,          ///< number: the time of the latest undo of `signal`
    SignalProgress = 7,  ///< number: the bits of the progress that the in_progress of `signal` carries
    Tie = 8,             ///< number: place of `mark` of `signal` among in_progress and completed at one time
  };
  Type type = Type::Seen;
  Ordinal user = Ordinal::None;
  Ordinal item = Ordinal::None;
  std::uint16_t signal = 0;
  Mark mark = Mark::Seen;
  std::int64_t number = 0;
};

class UserState {
 public:
  UserState();
  ~UserState();
  UserState(const UserState&) = delete;
  UserState& operator=(const UserState&) = delete;

  /// Items with the mark. With `not_before`, a mark last set earlier does not count (seen_expires).
  [[nodiscard]] index::Bitmap marked(Ordinal user, Mark mark) const;
  [[nodiscard]] index::Bitmap marked_since(Ordinal user, Mark mark, Timestamp not_before) const;
  /// marked(user, mark).contains(item), without the set.
  [[nodiscard]] bool has_mark(Ordinal user, Mark mark, Ordinal item) const;
  /// out[i] = when the mark was last set, in microseconds; `missing` where it does not stand or has no time.
  void times_of(Ordinal user, Mark mark, std::span<const Ordinal> items, double missing, std::span<double> out) const;
  /// How far the user got in an item in progress, 0 to 1; 0 when not in progress.
  [[nodiscard]] double progress(Ordinal user, Ordinal item) const;
  /// Whether the user's signal holds a mark other than seen on the item (U3).
  [[nodiscard]] bool stands(Ordinal user, std::uint16_t signal, Ordinal item) const {
    return standing_since(user, signal, item).has_value();
  }
  /// The newest time of those marks: an undo at this time or later takes all of them back.
  [[nodiscard]] std::optional<Timestamp> standing_since(Ordinal user, std::uint16_t signal, Ordinal item) const;
  /// When the user last took the signal on the item back (U5).
  [[nodiscard]] std::optional<Timestamp> undone_at(Ordinal user, std::uint16_t signal, Ordinal item) const;
  /// U3, out.size() == items.size(). Signals on items only.
  void net(std::uint16_t signal, std::span<const Ordinal> items, std::span<double> out) const;

  // Write side. Applier only.

  /// Applies the mark effects of `def`, the definition of event.signal, in seqno order. `def` must target items. An
  /// effect with conditions needs a value to meet them.
  void record(const MarkEvent& event, const SignalDef& def);
  /// Takes back the user's signal on the item as of event.at (U1, U5); event.value says nothing. Counts beside users
  /// stay as they are.
  void undo(const MarkEvent& event);
  /// What to fetch ahead of an event: its user's place, then what lies behind it.
  enum class PrefetchStage : std::uint8_t { User, Marks };
  void prefetch(const MarkEvent& event, PrefetchStage stage) const;
  /// The item was deleted (U4): what was counted beside users is forgotten.
  void clear_item(Ordinal item);
  void erase_user(Ordinal user);
  /// Starts or stops keeping times of `seen`; `at`: when a start happened. No change when it is so already.
  void keep_seen_times(bool keep, Timestamp at);
  void clear();

  /// What an image may mention: bounds that keep damage from making tables huge.
  struct ImageLimits {
    std::function<bool(EntityKind, Ordinal)> is_known;  ///< asked for the largest of a kind
    std::size_t signals = 0;
  };
  /// The state as of now, detached: marks are pinned, counts are copied. Encoding may happen on another thread while
  /// the state changes, but not after it is gone. Nothing retired anywhere is freed meanwhile.
  class Capture {
   public:
    virtual ~Capture() = default;
    [[nodiscard]] virtual std::string encode() const = 0;
  };
  [[nodiscard]] std::unique_ptr<Capture> capture() const;
  /// Replaces everything. Corruption on bytes that encode() cannot have written within the limits; the state is left as
  /// it was.
  [[nodiscard]] Status restore(std::string_view image, const ImageLimits& limits);
  /// The same with an image of logic 1, which knew no undo. What such an image does not tell: the progress of an item
  /// completed since, which counts as 0 should the completion be taken back.
  [[nodiscard]] Status restore_logic_1(std::string_view image, const ImageLimits& limits);
  /// Every fact, in no particular order.
  void for_each_fact(const std::function<void(const UserStateFact&)>& visit) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct State;
  struct User;
  struct PastUser;
  class StateCapture;
  [[nodiscard]] static Result<std::unique_ptr<State>> decode(std::string_view image, const ImageLimits& limits,
                                                             std::uint8_t format);
  [[nodiscard]] Status replace(Result<std::unique_ptr<State>> next);
  [[nodiscard]] const User* find(Ordinal user) const;

  std::atomic<State*> state_;  // replaced as a whole by clear() and restore(), freed by epochs
};

}  // namespace tidal::signal
