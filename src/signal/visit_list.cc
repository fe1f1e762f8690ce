// Adding to a list of visits, and what windows forget.
#include "signal/visit_list.h"

namespace tidal::signal {
namespace {

constexpr unsigned bit(std::size_t window) { return 1U << window; }

}  // namespace

std::int64_t VisitList::newest(std::size_t window) const {
  std::int64_t unit = kNoSubWindow;
  for (const Visit& v : visits()) {
    if (v.counts_in(window)) unit = std::max(unit, v.unit);
  }
  return unit == kNoSubWindow ? unit : sub_window_of(window, unit);
}

/// Settles one window of an event: its bit goes where the event is too old or its user counts already; others' bits
/// go where it makes them too old. True when others changed.
bool VisitList::fit_window(std::size_t window, Visit& event) {
  const std::int64_t sub_window = sub_window_of(window, event.unit);
  const std::int64_t newest_before = newest(window);
  if (newest_before == kNoSubWindow) return false;
  if (sub_window <= newest_before - kSubWindows) {
    event.windows &= ~bit(window);
    return false;
  }
  const std::int64_t width = kUnitsOfSubWindow[window];
  const std::int64_t first = sub_window * width;
  const std::int64_t first_kept = (std::max(sub_window, newest_before) - kSubWindows + 1) * width;
  bool changed = false;
  for (std::uint32_t i = 0; i < count_; ++i) {
    Visit& v = visits_[i];
    if (!v.counts_in(window)) continue;
    if (v.unit < first_kept) {
      v.windows &= ~bit(window);
      changed = true;
    } else if (v.user == event.user && v.unit >= first && v.unit < first + width) {
      event.windows &= ~bit(window);
    }
  }
  return changed;
}

bool VisitList::add(Visit event) {
  bool changed = false;
  for (std::size_t w = 0; w < kRingWindows; ++w) {
    if (event.counts_in(w)) changed = fit_window(w, event) || changed;
  }
  const Visit* of_user = nullptr;
  Visit* of_moment = nullptr;
  for (std::uint32_t i = 0; i < count_; ++i) {
    if (visits_[i].user != event.user) continue;
    of_user = &visits_[i];
    if (visits_[i].unit == event.unit) of_moment = &visits_[i];
  }
  const bool is_new = event.windows != 0 || of_user == nullptr;
  // Only a visit whose last window went can make another superfluous, or be so itself (T2).
  const bool untidy = changed || (is_new && of_user != nullptr && of_user->windows == 0);
  if (is_new && of_moment != nullptr) {
    of_moment->windows |= event.windows;
  } else if (is_new) {
    if (event.windows == 0) event.unit = origin_;
    append_stored(event);
  }
  if (untidy) tidy();
  return is_new || changed;
}

bool VisitList::drop_windows(unsigned windows) {
  bool changed = false;
  for (std::uint32_t i = 0; i < count_; ++i) {
    changed = changed || (visits_[i].windows & windows) != 0;
    visits_[i].windows &= ~windows;
  }
  if (changed) tidy();
  return changed;
}

void VisitList::tidy() {
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    Visit v = visits_[i];
    if (v.windows == 0) {
      // Another of the same user: one that stays, or one further on.
      const auto same_user = [&v](const Visit& other) { return other.user == v.user; };
      if (std::any_of(visits_.begin(), visits_.begin() + kept, same_user) ||
          std::any_of(visits_.begin() + i + 1, visits_.begin() + count_, same_user)) {
        continue;
      }
      v.unit = origin_;
    }
    visits_[kept++] = v;
  }
  count_ = kept;
}

bool VisitList::is_sound() const {
  for (std::size_t w = 0; w < kRingWindows; ++w) {
    const std::int64_t newest_of_window = newest(w);
    for (std::uint32_t i = 0; i < count_; ++i) {
      const Visit& v = visits_[i];
      if (!v.counts_in(w)) continue;
      const std::int64_t sub_window = sub_window_of(w, v.unit);
      if (sub_window <= newest_of_window - kSubWindows) return false;
      for (std::uint32_t j = 0; j < i; ++j) {
        const Visit& other = visits_[j];
        if (other.user == v.user && other.counts_in(w) && sub_window_of(w, other.unit) == sub_window) return false;
      }
    }
  }
  for (std::uint32_t i = 0; i < count_; ++i) {
    const Visit& v = visits_[i];
    if (v.windows == 0 && v.unit != origin_) return false;
    for (std::uint32_t j = 0; j < count_; ++j) {
      if (j == i || visits_[j].user != v.user) continue;
      if (v.windows == 0 || visits_[j].unit == v.unit) return false;
    }
  }
  return true;
}

}  // namespace tidal::signal
