// What each user did to each item: marks (seen, liked, saved …) with their times, and net counts of standing signals.
//
// U1: a mark once set stays set whatever the order in which its events arrive; its time is the latest event time.
// U2: in_progress(u, i) holds when its mark is later than completed's (event time, then seqno).
// U3: net(s, i) = users whose s set a mark other than seen on i, plus s without a user; for a signal that sets no such
//     mark it is the count of its events.
// U4: marks survive the deletion of their item (invisible while it is dead) and hold again when it is put again.
// Threads: single writer (the applier), concurrent readers without locks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "index/bitmap.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::signal {

class UserState {
 public:
  UserState();
  ~UserState();
  UserState(const UserState&) = delete;
  UserState& operator=(const UserState&) = delete;

  /// Items with the mark. With `not_before`, a mark last set earlier does not count (seen_expires).
  [[nodiscard]] index::Bitmap marked(Ordinal user, Mark mark) const;
  [[nodiscard]] index::Bitmap marked_since(Ordinal user, Mark mark, Timestamp not_before) const;
  /// out[i] = when the mark was last set, in microseconds; `missing` where it does not stand or has no time.
  void times_of(Ordinal user, Mark mark, std::span<const Ordinal> items, double missing, std::span<double> out) const;
  /// How far the user got in an item in progress, 0 to 1; 0 when not in progress.
  [[nodiscard]] double progress(Ordinal user, Ordinal item) const;
  /// U3, out.size() == items.size(). Signals on items only.
  void net(std::uint16_t signal, std::span<const Ordinal> items, std::span<double> out) const;

  // The write side (the materializer's), the image and the digest are declared by the implementation below.
 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidal::signal
