// Marks, progress, undo and net counts; what is hidden. The latest event time decides, of equal ones the later record.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "test/fold/folds.h"

namespace tidal::test::fold {

using wal::RecordType;

namespace {

constexpr Mark kAllMarks[] = {Mark::Seen,   Mark::Liked,     Mark::Disliked,   Mark::Saved,
                              Mark::Shared, Mark::Completed, Mark::InProgress, Mark::Hidden};

bool later(const Happening& a, const Happening& b) { return std::tie(a.at, a.seqno) > std::tie(b.at, b.seqno); }

/// What a user did to an item: signals and undos, in order of the log.
struct Deeds {
  std::vector<const Happening*> signals;
  std::vector<const Happening*> undos;
};

class MarkFold {
 public:
  explicit MarkFold(const Told& told) : told_(told) {
    for (const Happening& h : told.happenings) take(h);
  }

  [[nodiscard]] const std::map<Ordinal, std::map<Ordinal, Deeds>>& users() const { return users_; }

  /// Before the record `until`.
  [[nodiscard]] std::optional<Timestamp> standing_since(const Deeds& deeds, std::size_t signal,
                                                        std::uint64_t until) const {
    std::optional<Timestamp> newest;
    for (const Happening* h : deeds.signals) {
      if (h->signal != signal || h->seqno >= until || is_undone(deeds, *h, until)) continue;
      if ((told_.marks_of(*h) & ~bit(Mark::Seen)) == 0) continue;
      if (!newest || *newest < h->at) newest = h->at;
    }
    return newest;
  }
  [[nodiscard]] static std::optional<Timestamp> undone_at(const Deeds& deeds, std::size_t signal) {
    std::optional<Timestamp> newest;
    for (const Happening* h : deeds.undos) {
      if (h->signal == signal && (!newest || *newest < h->at)) newest = h->at;
    }
    return newest;
  }
  /// The event that decides the mark, or nothing where it does not stand.
  [[nodiscard]] const Happening* decides(const Deeds& deeds, Mark mark) const {
    const Happening* best = latest(deeds, mark);
    if (mark != Mark::InProgress || best == nullptr) return best;
    const Happening* completed = latest(deeds, Mark::Completed);
    // An event that sets both leaves the item completed.
    return completed == nullptr || later(*best, *completed) ? best : nullptr;
  }
  /// When the mark was last set, as far as it is kept.
  [[nodiscard]] std::optional<Timestamp> time(const Deeds& deeds, Mark mark) const {
    const Happening* decided = decides(deeds, mark);
    if (decided == nullptr) return std::nullopt;
    if (mark != Mark::Seen) return decided->at;
    std::optional<Timestamp> newest;
    for (const Happening* h : deeds.signals) {
      const bool sets = (told_.marks_of(*h) & bit(mark)) != 0;
      if (sets && seen_since_ && h->seqno > seen_since_seqno_ && (!newest || *newest < h->at)) newest = h->at;
    }
    return newest;
  }
  [[nodiscard]] bool stands_since(const Deeds& deeds, Mark mark, Timestamp not_before) const {
    if (decides(deeds, mark) == nullptr) return false;
    if (const auto at = time(deeds, mark)) return *at >= not_before;
    return !seen_since_ || *seen_since_ >= not_before;
  }
  /// Events that no user stands behind, by signal and item.
  [[nodiscard]] double events_beside_users(std::size_t signal, Ordinal item) const {
    const auto found = beside_users_.find({signal, item});
    return found == beside_users_.end() ? 0 : found->second;
  }

 private:
  [[nodiscard]] static unsigned bit(Mark mark) { return 1U << static_cast<unsigned>(mark); }

  void take(const Happening& h) {
    if (h.is(RecordType::SchemaChange) && h.change->has_settings) keep_seen_times(h);
    if (h.deletes(EntityKind::Item)) {
      std::erase_if(beside_users_, [&](const auto& each) { return each.first.second == h.subject; });
    }
    if (h.erases()) users_.erase(h.subject);
    const bool is_undo = h.is(RecordType::Unsignal);
    if ((!h.is(RecordType::Signal) && !is_undo) || told_.signal(h).target != EntityKind::Item) return;
    if (!is_undo && (h.user == Ordinal::None || !can_stand(told_.signal(h)))) ++beside_users_[{h.signal, h.subject}];
    if (h.user == Ordinal::None) return;
    Deeds& deeds = users_[h.user][h.subject];
    (is_undo ? deeds.undos : deeds.signals).push_back(&h);
  }
  void keep_seen_times(const Happening& h) {
    const bool keep = h.change->settings.seen_expires.us != 0;
    if (keep == seen_since_.has_value()) return;
    seen_since_ = keep ? std::optional(h.at) : std::nullopt;
    seen_since_seqno_ = h.seqno;
  }
  [[nodiscard]] static bool can_stand(const SignalDef& def) {
    return std::ranges::any_of(
        def.effects, [](const EffectDef& e) { return e.kind == EffectDef::Kind::Mark && e.mark != Mark::Seen; });
  }
  [[nodiscard]] static bool is_undone(const Deeds& deeds, const Happening& h, std::uint64_t until) {
    return std::ranges::any_of(deeds.undos, [&](const Happening* undo) {
      return undo->signal == h.signal && undo->seqno < until && later(*undo, h);
    });
  }
  [[nodiscard]] const Happening* latest(const Deeds& deeds, Mark mark) const {
    const Happening* best = nullptr;
    for (const Happening* h : deeds.signals) {
      if ((told_.marks_of(*h) & bit(mark)) == 0) continue;
      if (mark != Mark::Seen && is_undone(deeds, *h, UINT64_MAX)) continue;
      if (best == nullptr || later(*h, *best)) best = h;
    }
    return best;
  }

  const Told& told_;
  std::map<Ordinal, std::map<Ordinal, Deeds>> users_;
  std::map<std::pair<std::size_t, Ordinal>, double> beside_users_;
  std::optional<Timestamp> seen_since_;
  std::uint64_t seen_since_seqno_ = 0;
};

void compare_marks(const Told& told, const MarkFold& fold, const signal::UserState& state, Ordinal user, Timestamp now,
                   Differences& out) {
  const auto found = fold.users().find(user);
  static const std::map<Ordinal, Deeds> kNone;
  const std::map<Ordinal, Deeds>& items = found == fold.users().end() ? kNone : found->second;
  const Timestamp not_before = now - days(5);
  for (const Mark mark : kAllMarks) {
    std::vector<Ordinal> standing;
    std::vector<Ordinal> recent;
    std::vector<Ordinal> asked;
    std::vector<double> expected;
    for (const auto& [item, deeds] : items) {
      asked.push_back(item);
      if (fold.decides(deeds, mark) != nullptr) standing.push_back(item);
      if (fold.stands_since(deeds, mark, not_before)) recent.push_back(item);
      const auto at = fold.time(deeds, mark);
      expected.push_back(at ? static_cast<double>(at->us) : -1);
    }
    const auto what = [&] { return std::string(mark_name(mark)) + " by " + told.name(EntityKind::User, user); };
    out.same(standing, state.marked(user, mark).to_vector(), what);
    out.same(recent, state.marked_since(user, mark, not_before).to_vector(), [&] { return what() + " lately"; });
    std::vector<double> times(asked.size());
    state.times_of(user, mark, asked, -1, times);
    out.same(expected, times, [&] { return "times of " + what(); });
  }
  for (const auto& [item, deeds] : items) {
    const Happening* in_progress = fold.decides(deeds, Mark::InProgress);
    const double progress = in_progress == nullptr ? 0 : std::clamp(in_progress->value.value_or(0), 0.0, 1.0);
    const auto what = [&, &i = item] {
      return told.name(EntityKind::User, user) + " on " + told.name(EntityKind::Item, i);
    };
    out.same(progress, state.progress(user, item), [&] { return "progress of " + what(); });
    for (std::size_t s = 0; s < told.definitions.signals.size(); ++s) {
      const auto signal = static_cast<std::uint16_t>(s);
      const auto named = [&] { return told.definitions.signals[s].name + " by " + what(); };
      out.same(fold.standing_since(deeds, s, UINT64_MAX), state.standing_since(user, signal, item), named);
      out.same(MarkFold::undone_at(deeds, s), state.undone_at(user, signal, item), named);
    }
    for (const Happening* undo : deeds.undos) {
      const auto since = fold.standing_since(deeds, undo->signal, undo->seqno);
      out.same(since && undo->at >= *since, undo->stood,
               [&] { return "record " + std::to_string(undo->seqno) + " tells whether it stood"; });
    }
  }
}

}  // namespace

void compare_user_state(const Told& told, const db::Views& views, Timestamp now, Differences& out) {
  const MarkFold fold(told);
  const signal::UserState& state = views.user_state();
  std::map<std::pair<std::size_t, Ordinal>, double> standing;
  for (const auto& [user, items] : fold.users()) {
    for (const auto& [item, deeds] : items) {
      std::set<std::size_t> signals;
      for (const Happening* h : deeds.signals) signals.insert(h->signal);
      for (const std::size_t s : signals) {
        if (fold.standing_since(deeds, s, UINT64_MAX)) ++standing[{s, item}];
      }
    }
  }
  for (const Ordinal user : told.all(EntityKind::User)) compare_marks(told, fold, state, user, now, out);
  const std::vector<Ordinal> items = told.all(EntityKind::Item);
  std::vector<double> net(items.size());
  for (std::size_t s = 0; s < told.definitions.signals.size(); ++s) {
    if (told.definitions.signals[s].target != EntityKind::Item) continue;
    state.net(static_cast<std::uint16_t>(s), items, net);
    for (const Ordinal item : items) {
      out.same(standing[{s, item}] + fold.events_beside_users(s, item), net[to_index(item)],
               [&] { return told.definitions.signals[s].name + ".net of " + told.name(EntityKind::Item, item); });
    }
  }
}

void compare_hidden(const Told& told, const db::Views& views, Timestamp /*now*/, Differences& out) {
  std::map<std::pair<EntityKind, Ordinal>, const Happening*> latest;
  for (const Happening& h : told.happenings) {
    if (h.erases()) latest.erase({EntityKind::User, h.subject});
    if (!h.is(RecordType::Hide) && !h.is(RecordType::Unhide)) continue;
    const Happening*& word = latest[{h.kind, h.subject}];
    if (word == nullptr || later(h, *word)) word = &h;
  }
  const index::Hidden& view = views.hidden();
  for (const EntityKind kind : {EntityKind::Item, EntityKind::User, EntityKind::Creator}) {
    std::vector<Ordinal> hidden;
    for (const Ordinal o : told.all(kind)) {
      const auto found = latest.find({kind, o});
      const Happening* word = found == latest.end() ? nullptr : found->second;
      const bool is_hidden = word != nullptr && word->type == RecordType::Hide;
      if (is_hidden) hidden.push_back(o);
      const auto what = [&] { return told.name(kind, o); };
      out.same(is_hidden, view.is_hidden(kind, o), what);
      const auto told_latest = view.latest(kind, o);
      out.same(word != nullptr, told_latest.has_value(), what);
      if (word != nullptr && told_latest) {
        out.same(word->at, told_latest->at, what);
        out.same(is_hidden, told_latest->is_hidden, what);
      }
      const auto info = view.info(kind, o);
      out.same(is_hidden, info.has_value(), what);
      if (is_hidden && info) out.same(word->reason, info->reason, what);
      if (is_hidden && info) out.same(word->at, info->at, what);
    }
    out.same(hidden, view.hidden(kind).to_vector(), [&] { return "hidden of " + std::string(kind_name(kind)); });
    out.same(std::uint64_t{hidden.size()}, view.count(kind), [] { return "their number"; });
  }
}

}  // namespace tidal::test::fold
