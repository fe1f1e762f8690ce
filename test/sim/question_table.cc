// Conditions as docs/queries.md has them, sorts as docs/ranking.md has them.
#include "test/sim/question_table.h"

#include <algorithm>
#include <cmath>

namespace tidal::sim {
namespace {

constexpr double kYear0Us = -62'167'219'200e6;
constexpr double kRelative = 1e-9;

Score exact(double value) { return {value, 0}; }
Score close(double value) { return {value, kRelative * std::abs(value) + 1e-15}; }

double counted(const Asked& a, const char* signal, Window window, std::int64_t back = 0) {
  return a.model.count({a.kind, a.key, signal}, {.window = window, .now = a.now, .back = back});
}
double velocity(const Asked& a, const char* signal, Window window, std::int64_t back = 0) {
  return a.model.velocity({a.kind, a.key, signal}, {.window = window, .now = a.now, .back = back});
}

const Value* stored(const Fields& fields, std::string_view name) {
  const auto found = fields.find(name);
  return found == fields.end() ? nullptr : &found->second;
}

template <class T>
const T* value_of(const Fields& fields, std::string_view name) {
  const Value* value = stored(fields, name);
  return value == nullptr ? nullptr : std::get_if<T>(value);
}

Fields content(const Asked& a) { return a.model.content(a.kind, a.key); }

bool has_tag(const Fields& fields, std::string_view tag) {
  const auto* tags = value_of<std::vector<std::string>>(fields, "tags");
  return tags != nullptr && std::find(tags->begin(), tags->end(), tag) != tags->end();
}

bool is_category(const Asked& a, std::string_view name) {
  const Fields fields = content(a);
  const auto* category = value_of<std::string>(fields, "category");
  return category != nullptr && *category == name;
}

template <Mark kMark>
bool marked(const Asked& a) {
  return !a.user.empty() && a.model.is_marked(a.user, a.key, kMark, a.now);
}

double age_us(const Asked& a) { return std::max(0.0, static_cast<double>(a.now.us) - creation_us(a)); }

/// Standing votes: the net counts of the role's signals.
double votes(const Asked& a, Role role) {
  double sum = 0;
  for (const SignalDef& def : a.model.signals()) {
    if (def.target == EntityKind::Item && def.has_role(role)) sum += a.model.net(a.key, def.name);
  }
  return sum;
}

double magnitude(double v) { return (v < 0 ? -1 : 1) * std::log10(std::max(std::abs(v), 1.0)); }

double wilson(double positive, double total) {
  if (total <= 0) return 0;
  const double z = 1.96;
  const double p = positive / total;
  const double middle = p + z * z / (2 * total);
  const double spread = z * std::sqrt(p * (1 - p) / total + z * z / (4 * total * total));
  return std::max(0.0, (middle - spread) / (1 + z * z / total));
}

Score hot(const Asked& a) {
  const double hours = age_us(a) / 3600e6;
  const double net = votes(a, Role::Positive) - votes(a, Role::Negative);
  return close(magnitude(net) / std::pow(hours + 2, a.model.settings().hot_gravity));
}

Score trending(const Asked& a) {
  const bool shares = a.model.signal("share") != nullptr;
  return close((shares ? 0.5 * velocity(a, "share", Window::Day) : 0) + 0.3 * velocity(a, "view", Window::Day));
}

Score rising(const Asked& a) {
  const double gain = velocity(a, "view", Window::Hour) - velocity(a, "view", Window::Hour, 1);
  const double boost = age_us(a) < 86400e6 ? 1.5 : 1;
  return close(gain / (velocity(a, "view", Window::Week) + 1.0 / 86400) * boost);
}

Score controversial(const Asked& a) {
  const double up = votes(a, Role::Positive);
  const double down = votes(a, Role::Negative);
  return close(up + down == 0 ? 0 : up * down / ((up + down) * (up + down)));
}

Score hidden_gems(const Asked& a) {
  const double up = votes(a, Role::Positive);
  return close(wilson(up, up + votes(a, Role::Negative)) / std::log10(counted(a, "view", Window::All) + 10));
}

Score top_day(const Asked& a) {
  // Of the positive signals only `like` has a window of a day.
  return exact(counted(a, "like", Window::Day) - counted(a, "dislike", Window::Day));
}

template <int kSignal>
Score decayed(const Asked& a) {
  constexpr const char* kSignals[] = {"view", "like", "praise"};
  const Model::Decayed d = a.model.decay_score({a.kind, a.key, kSignals[kSignal]}, a.now);
  return {d.score, d.error_max + kRelative * d.score + 1e-12};
}

}  // namespace

double creation_us(const Asked& asked) {
  const std::optional<Timestamp> at = asked.model.created_at(asked.kind, asked.key);
  return at ? static_cast<double>(at->us) : kYear0Us;
}

const std::vector<Condition>& conditions() {
  static const auto* const table = new std::vector<Condition>{
      {"", [](const Asked&) { return true; }},
      {"seen", marked<Mark::Seen>, true},
      {"unseen", [](const Asked& a) { return !marked<Mark::Seen>(a); }, true},
      {"liked", marked<Mark::Liked>, true},
      {"disliked", marked<Mark::Disliked>, true},
      {"saved", marked<Mark::Saved>, true},
      {"shared", marked<Mark::Shared>, true},
      {"completed", marked<Mark::Completed>, true},
      {"in_progress", marked<Mark::InProgress>, true},
      {"hidden", marked<Mark::Hidden>, true, true},
      {"NOT saved, unseen", [](const Asked& a) { return !marked<Mark::Saved>(a) && !marked<Mark::Seen>(a); }, true},
      {"category = \"jazz\"", [](const Asked& a) { return is_category(a, "jazz"); }},
      {"category != \"jazz\"",
       [](const Asked& a) { return stored(content(a), "category") != nullptr && !is_category(a, "jazz"); }},
      {"category IN (\"rock\", \"film\")",
       [](const Asked& a) { return is_category(a, "rock") || is_category(a, "film"); }},
      {"year >= 2005",
       [](const Asked& a) {
         const Fields fields = content(a);
         const auto* year = value_of<std::int64_t>(fields, "year");
         return year != nullptr && *year >= 2005;
       }},
      {"NOT exists(year)", [](const Asked& a) { return stored(content(a), "year") == nullptr; }},
      {"tags IN (\"t1\")", [](const Asked& a) { return has_tag(content(a), "t1"); }},
      {"tags ALL (\"a\", \"t0\")",
       [](const Asked& a) { return has_tag(content(a), "a") && has_tag(content(a), "t0"); }},
      {"length <= 5m",
       [](const Asked& a) {
         const Fields fields = content(a);
         return *value_of<Duration>(fields, "length") <= minutes(5);
       }},
      {"view.count(24h) >= 2", [](const Asked& a) { return counted(a, "view", Window::Day) >= 2; }},
      {"creator = @c1", [](const Asked& a) { return a.model.creator_of(a.key) == "c1"; }},
      {"age < 3d", [](const Asked& a) { return age_us(a) < static_cast<double>(days(3).us); }},
  };
  return *table;
}

const std::vector<Order>& orders() {
  static const auto* const table = new std::vector<Order>{
      {"new", EntityKind::Item, true, [](const Asked& a) { return exact(creation_us(a) / 1e6); }},
      {"old", EntityKind::Item, false, [](const Asked& a) { return exact(creation_us(a) / 1e6); }},
      {"most_viewed", EntityKind::Item, true, [](const Asked& a) { return exact(counted(a, "view", Window::All)); }},
      {"most_liked", EntityKind::Item, true, [](const Asked& a) { return exact(votes(a, Role::Positive)); }},
      {"top", EntityKind::Item, true,
       [](const Asked& a) { return exact(votes(a, Role::Positive) - votes(a, Role::Negative)); }},
      {"top(day)", EntityKind::Item, true, top_day},
      {"view.count(1h) DESC", EntityKind::Item, true,
       [](const Asked& a) { return exact(counted(a, "view", Window::Hour)); }},
      {"view.count(30d) ASC", EntityKind::Item, false,
       [](const Asked& a) { return exact(counted(a, "view", Window::Month)); }},
      {"hot", EntityKind::Item, true, hot},
      {"trending", EntityKind::Item, true, trending},
      {"rising", EntityKind::Item, true, rising},
      {"controversial", EntityKind::Item, true, controversial},
      {"hidden_gems", EntityKind::Item, true, hidden_gems},
      {"view.decay_score DESC", EntityKind::Item, true, decayed<0>},
      {"like.decay_score DESC", EntityKind::Item, true, decayed<1>},
      {"praise.decay_score DESC", EntityKind::Creator, true, decayed<2>},
      {"view.count(7d) DESC", EntityKind::Creator, true,
       [](const Asked& a) { return exact(counted(a, "view", Window::Week)); }},
      {"view.count(24h) DESC", EntityKind::User, true,
       [](const Asked& a) { return exact(counted(a, "view", Window::Day)); }},
      {"new", EntityKind::User, true, [](const Asked& a) { return exact(creation_us(a) / 1e6); }},
  };
  return *table;
}

}  // namespace tidal::sim
