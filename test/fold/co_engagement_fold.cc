// Which items the same users like, by the documented algorithm with plain maps: lists of 50, rows of 64, what falls out
// of a full row. It is deterministic, so lists and rows must agree member for member; similarities within 1e-6, since
// pairs are floats.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "test/fold/folds.h"

namespace tidal::test::fold {

using wal::RecordType;

namespace {

constexpr std::size_t kListMax = 50;
constexpr std::size_t kRowMax = 64;
constexpr double kSimilarityError = 1e-6;

struct Liked {
  Ordinal item = Ordinal::None;
  std::int64_t at = 0;
};

class CoEngagementFold {
 public:
  explicit CoEngagementFold(const Told& told) {
    for (const Happening& h : told.happenings) take(told, h);
  }
  std::map<Ordinal, std::vector<Liked>> lists;  // newest first
  std::map<Ordinal, std::map<Ordinal, float>> rows;
  std::map<Ordinal, double> selfs;

  [[nodiscard]] std::map<Ordinal, double> similarities(Ordinal item) const {
    std::map<Ordinal, double> out;
    const auto row = rows.find(item);
    if (row == rows.end()) return out;
    for (const auto& [other, pair] : row->second) {
      const auto weight = static_cast<double>(pair);
      out[other] = std::min(1.0, weight / std::sqrt(selfs.at(item) * selfs.at(other))) * weight / (weight + 2);
    }
    return out;
  }

 private:
  void take(const Told& told, const Happening& h) {
    if (h.deletes(EntityKind::Item)) {
      for (auto& [user, list] : lists) std::erase_if(list, [&](const Liked& l) { return l.item == h.subject; });
      for (auto& [item, row] : rows) row.erase(h.subject);
      rows.erase(h.subject);
      selfs.erase(h.subject);
    }
    if (h.deletes(EntityKind::User) || h.erases()) lists.erase(h.subject);
    const bool is_undo = h.is(RecordType::Unsignal);
    if ((!h.is(RecordType::Signal) && !is_undo) || h.kind != EntityKind::Item || h.user == Ordinal::None) return;
    if (!told.signal(h).has_role(Role::Positive)) return;
    if (!is_undo) return like(h.user, {h.subject, h.at.us});
    if (h.stood) std::erase_if(lists[h.user], [&](const Liked& l) { return l.item == h.subject; });
  }
  void like(Ordinal user, Liked liked) {
    std::vector<Liked>& list = lists[user];
    const auto known = std::ranges::find(list, liked.item, &Liked::item);
    const bool is_new = known == list.end();
    if (!is_new) {
      liked.at = std::max(liked.at, known->at);
      list.erase(known);
    } else {
      if (list.size() == kListMax) list.pop_back();
      const double share = 1 / std::sqrt(static_cast<double>(list.size() + 1));
      selfs[liked.item] += share;
      for (const Liked& other : list) {
        const double gap = std::abs(static_cast<double>(liked.at) - static_cast<double>(other.at));
        const double gain = std::exp(-std::log(2.0) / static_cast<double>(days(30).us) * gap) * share;
        grow(liked.item, other.item, gain);
        grow(other.item, liked.item, gain);
      }
    }
    list.insert(list.begin(), liked);
  }
  void grow(Ordinal of, Ordinal with, double gain) {
    std::map<Ordinal, float>& row = rows[of];
    const auto known = row.find(with);
    if (known != row.end()) {
      known->second = static_cast<float>(static_cast<double>(known->second) + gain);
      return;
    }
    if (static_cast<float>(gain) == 0) return;
    row[with] = static_cast<float>(gain);
    if (row.size() <= kRowMax) return;
    // The lowest goes, of equal ones the higher ordinal.
    auto lowest = row.begin();
    for (auto each = row.begin(); each != row.end(); ++each) {
      if (each->second <= lowest->second) lowest = each;
    }
    row.erase(lowest);
  }
};

/// Members and their numbers agree, and the best come first.
void compare_best(const std::map<Ordinal, double>& expected, const std::vector<relationship::Neighbour>& got,
                  const std::string& what, Differences& out) {
  std::vector<Ordinal> members;
  std::vector<Ordinal> expected_members;
  double before = INFINITY;
  for (const relationship::Neighbour& n : got) {
    members.push_back(n.item);
    const auto found = expected.find(n.item);
    out.near(found == expected.end() ? 0 : found->second, n.similarity, kSimilarityError, [&] { return what; });
    out.same(true, n.similarity <= before, [&] { return what + ": the best come first"; });
    before = n.similarity;
  }
  for (const auto& [item, similarity] : expected) expected_members.push_back(item);
  std::ranges::sort(members);
  out.same(expected_members, members, [&] { return what; });
}

}  // namespace

void compare_co_engagement(const Told& told, const db::Views& views, Timestamp /*now*/, Differences& out) {
  CoEngagementFold fold(told);
  const relationship::CoEngagement& view = views.co_engagement();
  const std::vector<Ordinal> items = told.all(EntityKind::Item);
  std::map<Ordinal, std::map<Ordinal, double>> similar;
  for (const Ordinal item : items) {
    similar[item] = fold.similarities(item);
    const std::string what = "neighbours of " + told.name(EntityKind::Item, item);
    compare_best(similar[item], view.neighbours(item, items.size() + 1), what, out);
  }
  std::vector<double> got(items.size());
  for (const Ordinal user : told.all(EntityKind::User)) {
    const std::string who = told.name(EntityKind::User, user);
    std::vector<Ordinal> expected;
    std::vector<Timestamp> expected_times;
    std::map<Ordinal, double> sums;
    for (const Liked& l : fold.lists[user]) {
      expected.push_back(l.item);
      expected_times.push_back(Timestamp{l.at});
      for (const auto& [other, similarity] : similar[l.item]) sums[other] += similarity;
    }
    std::vector<Ordinal> recent;
    std::vector<Timestamp> times;
    for (const relationship::RecentItem& r : view.recent(user)) {
      recent.push_back(r.item);
      times.push_back(r.at);
    }
    out.same(expected, recent, [&] { return "recent likes of " + who; });
    out.same(expected_times, times, [&] { return "their times, of " + who; });
    view.scores_for_user(user, items, got);
    for (const Ordinal item : items) {
      out.near(sums.contains(item) ? sums[item] : 0, got[to_index(item)], kListMax * kSimilarityError,
               [&] { return "scores for " + who; });
    }
    for (const Ordinal item : expected) sums.erase(item);
    compare_best(sums, view.from_recent(user, items.size() + 1), "from the recent likes of " + who, out);
  }
}

}  // namespace tidal::test::fold
