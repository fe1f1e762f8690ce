// Interests by field value: a sum over the positive signals on items that had the value when the signal was applied.
#include <algorithm>
#include <cmath>
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

struct Shown {
  std::int64_t at = 0;
  double weight = 0;
};

class InterestFold {
 public:
  explicit InterestFold(const Told& told) : told_(told) {
    for (const Happening& h : told.happenings) take(h);
  }
  /// By field and value.
  using Values = std::map<std::pair<std::size_t, std::string>, std::vector<Shown>>;
  [[nodiscard]] const Values& of(Ordinal user) const {
    static const Values kNone;
    const auto found = shown_.find(user);
    return found == shown_.end() ? kNone : found->second;
  }
  [[nodiscard]] const std::set<std::string>& values_of(std::size_t field, Ordinal item) const {
    static const std::set<std::string> kNone;
    const auto found = values_.find({field, item});
    return found == values_.end() ? kNone : found->second;
  }
  [[nodiscard]] const std::set<std::size_t>& followed() const { return followed_; }

 private:
  void take(const Happening& h) {
    if (h.is(RecordType::SchemaChange)) {
      for (const FieldDef& def : h.change->fields) {
        if (def.interest && def.kind == EntityKind::Item) followed_.insert(place_of(def));
      }
    }
    if (h.deletes(EntityKind::Item)) std::erase_if(values_, [&](const auto& v) { return v.first.second == h.subject; });
    if (h.deletes(EntityKind::User) || h.erases()) shown_.erase(h.subject);
    const bool is_put = h.is(RecordType::PutEntity);
    if ((is_put || h.is(RecordType::UpdateEntity)) && h.kind == EntityKind::Item) write(h, is_put);
    if (!h.is(RecordType::Signal) || h.kind != EntityKind::Item || h.user == Ordinal::None || h.weight <= 0) return;
    if (!told_.signal(h).has_role(Role::Positive)) return;
    for (const std::size_t field : followed_) {
      for (const std::string& v : values_of(field, h.subject))
        shown_[h.user][{field, v}].push_back({h.at.us, h.weight});
    }
  }
  void write(const Happening& h, bool is_put) {
    for (const std::size_t field : followed_) {
      const FieldDef& def = told_.definitions.fields[field];
      const auto given = h.content->fields.find(def.name);
      const bool is_named = given != h.content->fields.end();
      if (!is_named && !is_put) continue;
      const Value& value = is_named && given->second.index() != 0 ? given->second : def.default_value;
      std::set<std::string>& values = values_[{field, h.subject}];
      values.clear();
      if (const auto* one = std::get_if<std::string>(&value)) values = {*one};
      if (const auto* list = std::get_if<std::vector<std::string>>(&value)) values = {list->begin(), list->end()};
    }
  }
  [[nodiscard]] std::size_t place_of(const FieldDef& def) const {
    const auto found = std::ranges::find_if(
        told_.definitions.fields, [&](const FieldDef& f) { return f.kind == def.kind && f.name == def.name; });
    return static_cast<std::size_t>(found - told_.definitions.fields.begin());
  }

  const Told& told_;
  std::set<std::size_t> followed_;
  std::map<std::pair<std::size_t, Ordinal>, std::set<std::string>> values_;
  std::map<Ordinal, Values> shown_;
};

/// At `now`, or at the newest event where that is later.
double weight_at(const std::vector<Shown>& all, std::int64_t now) {
  for (const Shown& s : all) now = std::max(now, s.at);
  double sum = 0;
  for (const Shown& s : all) {
    sum += s.weight * std::exp2(-static_cast<double>(now - s.at) / static_cast<double>(days(30).us));
  }
  return sum;
}

void compare_match(const Told& told, const InterestFold& fold, const signal::Interests& view, Ordinal user,
                   std::size_t field, Timestamp now, Differences& out) {
  double all = 0;
  std::int64_t newest = INT64_MIN;
  for (const auto& [place, shown] : fold.of(user)) {
    if (place.first != field) continue;
    for (const Shown& s : shown) newest = std::max(newest, s.at);
  }
  const std::int64_t reference = std::min(now.us, newest);  // at the newest event at the latest
  std::map<std::string, double> weights;
  for (const auto& [place, shown] : fold.of(user)) {
    if (place.first == field) all += weights[place.second] = weight_at(shown, reference);
  }
  const std::vector<Ordinal> items = told.all(EntityKind::Item);
  std::vector<double> got(items.size());
  view.match({.user = user, .field = field, .now = now}, items, got);
  for (const Ordinal item : items) {
    double sum = 0;
    for (const std::string& v : fold.values_of(field, item)) {
      if (weights.contains(v)) sum += weights[v];
    }
    out.near(all == 0 ? 0 : sum / all, got[to_index(item)], 1e-9, [&] {
      return "match of " + told.name(EntityKind::User, user) + " with " + told.name(EntityKind::Item, item);
    });
  }
}

}  // namespace

void compare_interests(const Told& told, const db::Views& views, Timestamp now, Differences& out) {
  const InterestFold fold(told);
  const signal::Interests& view = views.interests();
  for (const Ordinal user : told.all(EntityKind::User)) {
    std::map<std::pair<std::size_t, std::string>, double> expected;
    for (const auto& [place, shown] : fold.of(user)) {
      const double weight = weight_at(shown, now.us);
      const auto what = [&, &p = place] { return p.second + " of " + told.name(EntityKind::User, user); };
      out.relative(weight, view.interest(user, place.first, place.second, now), what);
      if (weight > 0) expected[place] = weight;
    }
    const auto what = [&] { return "top of " + told.name(EntityKind::User, user); };
    const std::vector<signal::Interest> top = view.top(user, expected.size() + 10, now);
    out.same(expected.size(), top.size(), what);
    double before = INFINITY;
    for (const signal::Interest& each : top) {
      const auto found = expected.find({each.field, each.value});
      out.relative(found == expected.end() ? 0 : found->second, each.weight, what);
      out.same(true, each.weight <= before, what);
      before = each.weight;
    }
    for (const std::size_t field : fold.followed()) compare_match(told, fold, view, user, field, now, out);
  }
}

}  // namespace tidal::test::fold
