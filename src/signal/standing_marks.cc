// Marks, undos and progress in one user's table.
#include "signal/standing_marks.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <span>
#include <tuple>

#include "signal/user_state_tables.h"

namespace tidal::signal {
namespace {

bool moves_progress(Mark mark) { return mark == Mark::InProgress || mark == Mark::Completed; }
MarkSlot tie_slot(Mark mark) { return mark == Mark::InProgress ? MarkSlot::InProgressTie : MarkSlot::CompletedTie; }

/// For words that are 0 where they are absent.
void set_unless_zero(MarkTable& table, std::uint64_t key, std::int64_t word, std::uint32_t generation) {
  if (word != 0 || table.get(key)) table.set(key, word, generation);
}

/// Puts the mark behind all others of in_progress and completed that have its time. A place is larger than every one
/// the item has, so one that was left from an earlier time of the mark cannot mislead.
void place_in_ties(MarkTable& table, Mark mark, const MarkEvent& event, std::uint32_t generation) {
  const bool known = table.get(mark_key(slot(mark), event.item, event.signal)) == event.at.us;
  const std::size_t at_its_time = table.count_in(keys_of_item(slot(Mark::InProgress), event.item), event.at.us) +
                                  table.count_in(keys_of_item(slot(Mark::Completed), event.item), event.at.us);
  if (at_its_time == (known ? 1U : 0U)) return;
  std::int64_t last = 0;
  for (const MarkSlot ties : {MarkSlot::InProgressTie, MarkSlot::CompletedTie}) {
    last = std::max(last, table.max_in(keys_of_item(slot(ties), event.item)).value_or(0));
  }
  table.set(mark_key(slot(tie_slot(mark)), event.item, event.signal), last + 1, generation);
}

struct Newest {
  std::int64_t at = 0;
  std::int64_t place = 0;  // among ties
  std::uint16_t signal = 0;

  [[nodiscard]] bool later_than(const Newest& other) const {
    return std::tie(at, place) > std::tie(other.at, other.place);
  }
};

/// The signal that decides in_progress or completed on the item.
std::optional<Newest> newest(const MarkTable& table, Mark mark, Ordinal item) {
  const KeyRange marks = keys_of_item(slot(mark), item);
  if (!table.max_in(keys_of_item(slot(tie_slot(mark)), item))) {  // no ties, as nearly always
    const auto entry = table.max_entry_in(marks);
    return entry ? std::optional(Newest{.at = entry->word, .signal = signal_of(entry->key)}) : std::nullopt;
  }
  std::optional<Newest> best;
  for (const MarkEntry& e : table.entries(marks)) {
    const auto place = table.get(mark_key(slot(tie_slot(mark)), item, signal_of(e.key)));
    const Newest next{.at = e.word, .place = place.value_or(0), .signal = signal_of(e.key)};
    if (!best || next.later_than(*best)) best = next;
  }
  return best;
}

/// Makes the item's progress what follows from its marks (U2).
void follow_progress(MarkTable& table, Ordinal item, std::uint32_t generation) {
  const std::uint64_t key = mark_key(slot(MarkSlot::Progress), item, 0);
  const std::optional<Newest> in_progress = newest(table, Mark::InProgress, item);
  if (!in_progress) {
    table.erase(std::span(&key, 1), generation);
    return;
  }
  const std::optional<Newest> completed = newest(table, Mark::Completed, item);
  std::int64_t word = std::bit_cast<std::int64_t>(kNoProgress);
  if (!completed || in_progress->later_than(*completed)) {
    word = table.get(mark_key(slot(MarkSlot::SignalProgress), item, in_progress->signal)).value_or(0);
  }
  if (table.get(key) != word) table.set(key, word, generation);
}

}  // namespace

bool is_undone(const MarkTable& table, const MarkEvent& event) {
  const auto undone = table.get(mark_key(slot(MarkSlot::Undone), event.item, event.signal));
  return undone && *undone > event.at.us;
}

void set_marks(MarkTable& table, unsigned marks, const MarkEvent& event, std::uint32_t generation) {
  bool progress_moves = false;
  // In progress first: an event that sets both marks leaves the item completed, since neither is later (U2).
  for (const Mark mark :
       {Mark::InProgress, Mark::Completed, Mark::Liked, Mark::Disliked, Mark::Saved, Mark::Shared, Mark::Hidden}) {
    if ((marks & 1U << slot(mark)) == 0) continue;
    const std::uint64_t key = mark_key(slot(mark), event.item, event.signal);
    const std::optional<std::int64_t> before = table.get(key);
    if (before && *before > event.at.us) continue;  // U1: late
    if (moves_progress(mark)) {
      progress_moves = true;
      place_in_ties(table, mark, event, generation);
    }
    if (mark == Mark::InProgress) {
      const double progress = std::clamp(event.value.value_or(0.0), 0.0, 1.0);
      set_unless_zero(table, mark_key(slot(MarkSlot::SignalProgress), event.item, event.signal),
                      std::bit_cast<std::int64_t>(progress), generation);
    }
    if (before != event.at.us) table.set(key, event.at.us, generation);
  }
  if (progress_moves) follow_progress(table, event.item, generation);
}

void take_back(MarkTable& table, const MarkEvent& undo, std::uint32_t generation) {
  const auto key = [&undo](std::uint8_t of) { return mark_key(of, undo.item, undo.signal); };
  const auto undone = table.get(key(slot(MarkSlot::Undone)));
  if (!undone || *undone < undo.at.us) table.set(key(slot(MarkSlot::Undone)), undo.at.us, generation);

  std::vector<std::uint64_t> gone;
  bool progress_moves = false;
  for (std::uint8_t s = 0; s < kMarks; ++s) {
    if (!is_standing(s)) continue;
    const auto at = table.get(key(s));
    if (!at || *at > undo.at.us) continue;
    gone.push_back(key(s));
    const auto mark = static_cast<Mark>(s);
    if (mark == Mark::InProgress) gone.push_back(key(slot(MarkSlot::SignalProgress)));
    if (!moves_progress(mark)) continue;
    gone.push_back(key(slot(tie_slot(mark))));
    progress_moves = true;
  }
  if (gone.empty()) return;
  std::sort(gone.begin(), gone.end());
  table.erase(gone, generation);
  if (progress_moves) follow_progress(table, undo.item, generation);
}

bool add_what_logic_1_lacks(std::vector<MarkEntry>& entries) {
  MarkTable table;
  table.assign(entries);
  for (const MarkEntry& e : table.entries(keys_of_slot(slot(MarkSlot::Progress)))) {
    const Ordinal item = item_of(e.key);
    const auto in_progress = table.max_entry_in(keys_of_item(slot(Mark::InProgress), item));
    const auto completed = table.max_entry_in(keys_of_item(slot(Mark::Completed), item));
    const bool was_completed = std::bit_cast<double>(e.word) < 0;
    if (!in_progress || (was_completed && (!completed || completed->word < in_progress->word)) ||
        (!was_completed && completed && completed->word > in_progress->word)) {
      return false;
    }
    if (!was_completed) {
      set_unless_zero(table, mark_key(slot(MarkSlot::SignalProgress), item, signal_of(in_progress->key)), e.word, 0);
    }
    const std::size_t at_one_time = table.count_in(keys_of_item(slot(Mark::InProgress), item), in_progress->word) +
                                    table.count_in(keys_of_item(slot(Mark::Completed), item), in_progress->word);
    if (at_one_time < 2) continue;
    // Which of them came last is told by the progress, as far as it matters.
    const Mark last = was_completed ? Mark::Completed : Mark::InProgress;
    const MarkEntry& decides = was_completed ? *completed : *in_progress;
    if (decides.word == in_progress->word) {
      table.set(mark_key(slot(tie_slot(last)), item, signal_of(decides.key)), 1, 0);
    }
  }
  entries = table.all();
  return true;
}

}  // namespace tidal::signal
