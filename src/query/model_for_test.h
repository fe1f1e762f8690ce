// A plain model of a small random database beside the real views: lists of items and events, counted by looking at all.
//
// Threads: one test's own.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "query/views_for_test.h"

namespace tidal::query {

struct ModelEvent {
  std::string signal;
  std::string user;
  Timestamp at;
};

struct ModelItem {
  std::string key;
  std::string creator;
  Timestamp created_at;
  Fields fields;
  std::vector<ModelEvent> events;

  [[nodiscard]] double age_us(Timestamp now) const {
    return std::max(0.0, static_cast<double>(now.us - created_at.us));
  }
  /// Events whose bucket is one of the window's, as docs/signals.md defines it.
  [[nodiscard]] double count(const std::string& signal, Window window, Timestamp now, Duration ago = {}) const {
    double n = 0;
    const Duration bucket = window == Window::Hour ? minutes(1) : window == Window::Month ? days(1) : hours(1);
    const std::int64_t last = (now.us - ago.us) / bucket.us;
    const std::int64_t buckets = window == Window::All ? 0 : window_span(window).us / bucket.us;
    for (const ModelEvent& e : events) {
      if (e.signal != signal) continue;
      const std::int64_t b = e.at.us / bucket.us;
      if (window == Window::All || (b > last - buckets && b <= last)) ++n;
    }
    return n;
  }
  /// Users with the signal, and events without a user; all events for a signal that marks nothing but seen.
  [[nodiscard]] double net(const std::string& signal) const {
    std::set<std::string> users;
    double anonymous = 0;
    double all = 0;
    for (const ModelEvent& e : events) {
      if (e.signal != signal) continue;
      ++all;
      if (e.user.empty()) ++anonymous;
      if (!e.user.empty()) users.insert(e.user);
    }
    const bool marks = signal == "like" || signal == "dislike" || signal == "share" || signal == "save";
    return marks ? static_cast<double>(users.size()) + anonymous : all;
  }
  [[nodiscard]] bool did(const std::string& user, const std::string& signal) const {
    return std::any_of(events.begin(), events.end(),
                       [&](const ModelEvent& e) { return e.user == user && e.signal == signal; });
  }
  [[nodiscard]] const Value* field(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? nullptr : &found->second;
  }
};

/// The same content in both.
struct RandomDatabase {
  std::unique_ptr<TestViews> views;
  std::vector<ModelItem> items;
};

inline const std::vector<std::string> kCategories = {"jazz", "rock", "folk"};
inline const std::vector<std::string> kTags = {"live", "solo", "piano"};
inline const std::vector<std::string> kUsers = {"", "u1", "u2"};
inline const std::vector<std::string> kItemSignals = {"view", "like", "dislike", "share", "comment", "save", "hide"};

/// Each field is there or not, by chance. Call inside a property.
inline Fields random_fields() {
  Fields fields;
  const auto chance = [] { return *rc::gen::inRange(0, 3) != 0; };
  const auto pick = [](const std::vector<std::string>& from) { return *rc::gen::elementOf(from); };
  if (chance()) fields["title"] = pick({"Alpha", "alpha two", "beta", "Beta!", "gamma ray burst", "gamma ray"});
  if (chance()) fields["category"] = pick(kCategories);
  if (chance()) fields["studio"] = pick({"north", "south"});
  if (chance()) {
    std::vector<std::string> tags = *rc::gen::unique<std::vector<std::string>>(2, rc::gen::elementOf(kTags));
    fields["tags"] = tags;
    fields["labels"] = tags;
  }
  if (chance()) fields["length"] = minutes(*rc::gen::inRange(1, 6));
  if (chance()) fields["price"] = *rc::gen::inRange(0, 5) + 0.5;
  if (chance()) fields["year"] = std::int64_t{2020} + *rc::gen::inRange(0, 4);
  if (chance()) fields["live"] = *rc::gen::inRange(0, 2) == 1;
  if (chance()) fields["adult"] = *rc::gen::inRange(0, 2) == 1;
  return fields;
}

/// Call inside a property. Nothing lies after now but, when `with_future`, some items' creation.
inline RandomDatabase random_database(int items_max = 24, int events_max = 60, bool with_future = false) {
  RandomDatabase db;
  db.views = std::make_unique<TestViews>(video_schema());
  for (const std::string& user : kUsers) {
    if (!user.empty()) db.views->put({.kind = EntityKind::User, .key = user});
  }
  const int items = *rc::gen::inRange(1, items_max + 1);
  for (int i = 0; i < items; ++i) {
    ModelItem item;
    item.key = "i" + std::to_string((i * 7) % items_max);
    if (std::any_of(db.items.begin(), db.items.end(), [&](const ModelItem& m) { return m.key == item.key; })) continue;
    if (*rc::gen::inRange(0, 3) != 0) item.creator = *rc::gen::elementOf(std::vector<std::string>{"c1", "c2"});
    item.created_at = kNoon - minutes(*rc::gen::inRange(0, 4'000));
    if (with_future && *rc::gen::inRange(0, 4) == 0) item.created_at = kNoon + hours(1);
    item.fields = random_fields();
    db.views->put({.key = item.key, .creator = item.creator, .created_at = item.created_at, .fields = item.fields});
    db.items.push_back(std::move(item));
  }
  const int events = *rc::gen::inRange(0, events_max);
  for (int e = 0; e < events; ++e) {
    ModelItem& item = db.items[static_cast<std::size_t>(*rc::gen::inRange(0, static_cast<int>(db.items.size())))];
    const std::string signal = *rc::gen::elementOf(kItemSignals);
    const std::string user = *rc::gen::elementOf(kUsers);
    const Timestamp at = kNoon - minutes(*rc::gen::inRange(0, 3'000));
    db.views->signal({.signal = signal, .target = item.key, .user = user, .at = at});
    item.events.push_back({signal, user, at});
  }
  if (*rc::gen::inRange(0, 2) == 1) db.views->settle();
  return db;
}

}  // namespace tidal::query
