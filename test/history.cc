// Draws the steps of random histories.
#include "test/history.h"

#include <algorithm>

namespace tidal::test {
namespace {

constexpr std::array<std::string_view, 8> kItemSignals = {"view", "view",    "view",      "completion",
                                                          "like", "dislike", "watchlist", "hide"};

std::string key(char letter, std::uint64_t i) { return std::string(1, letter) + std::to_string(i); }

}  // namespace

std::string_view step_class_name(StepClass c) {
  constexpr std::array<std::string_view, 10> kNames = {"on_time", "late", "repeat", "anonymous", "undo",
                                                       "relate",  "hide", "put",    "update",    "delete"};
  return kNames[static_cast<std::size_t>(c)];
}

std::string_view history_schema() {
  return R"(
    BEGIN;
    DEFINE FIELD item.title TEXT;
    DEFINE FIELD item.category KEYWORD INDEXED INTEREST DEFAULT "none";
    DEFINE FIELD item.tags KEYWORD[] INDEXED INTEREST;
    DEFINE FIELD item.year INT INDEXED;
    DEFINE FIELD item.length DURATION INDEXED DEFAULT 5m;
    DEFINE FIELD user.country KEYWORD INDEXED;
    DEFINE FIELD creator.verified BOOL INDEXED DEFAULT false;
    DEFINE SIGNAL view VALUE 0.. DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY UNIQUE SCOPE global, user
      EFFECTS preference +0.02, creator +0.02, affinity +0.05, mark seen;
    DEFINE SIGNAL completion VALUE 0..1 DECAY exponential(30d) WINDOWS 24h, 7d
      EFFECTS preference +0.10 * value WHEN value >= 0.5, preference -0.05 WHEN value < 0.1, creator +0.05 * value,
              affinity +0.20 * value, mark completed WHEN value >= 0.9, mark in_progress WHEN value < 0.9;
    DEFINE SIGNAL like ROLE positive DECAY linear(14d) WINDOWS 1h, 24h UNIQUE
      EFFECTS preference +0.10, creator +0.15, affinity +0.30, mark liked, mark seen;
    DEFINE SIGNAL dislike ROLE negative DECAY none WINDOWS 24h
      EFFECTS preference -0.10, creator -0.10, affinity -0.30, mark disliked, mark seen;
    DEFINE SIGNAL watchlist ROLE save, positive DECAY none EFFECTS preference +0.10, affinity +0.30, mark saved;
    DEFINE SIGNAL hide DECAY none EFFECTS preference -0.15, creator -0.10, affinity -1, mark hidden;
    DEFINE SIGNAL praise ON creators ROLE positive DECAY exponential(1d) WINDOWS 7d EFFECTS creator +0.05;
    DEFINE EMBEDDING item.content SIZE 6 STORAGE f16 PREFERENCE;
    DEFINE EMBEDDING user.face SIZE 3 METRIC l2;
    DEFINE RELATION follows FROM user TO creator WINDOWS 24h, 7d UNIQUE EFFECTS preference +0.10, creator +0.30;
    DEFINE RELATION blocks FROM user TO creator EXCLUDES always EFFECTS preference -0.10;
    DEFINE RELATION friend FROM user TO user HALF LIFE 30d;
    DEFINE RELATION features FROM creator TO item WINDOWS 24h;
    COMMIT;)";
}

Signal History::random_signal() {
  Signal signal;
  if (random_.below(12) == 0) {
    signal.kind = "praise";
    signal.item = key('c', random_.below(kHistoryCreators));
  } else {
    signal.kind = kItemSignals[random_.below(kItemSignals.size())];
    signal.item = key('i', random_.below(kHistoryItems));
  }
  signal.user = key('u', random_.below(kHistoryUsers));
  if (signal.kind == "completion") signal.value = static_cast<double>(random_.below(101)) / 100;
  if (signal.kind == "view" && random_.coin()) signal.value = static_cast<double>(random_.below(600));
  if (random_.below(4) == 0) signal.weight = static_cast<double>(random_.below(8)) / 2;
  signal.at = now_;
  return signal;
}

Timestamp History::some_time() {
  if (random_.coin()) return now_;
  return now_ - Duration{static_cast<std::int64_t>(random_.below(10ULL * 86'400'000'000ULL))};
}

/// Mostly of something that happened.
Unsignal History::random_undo() {
  constexpr std::array<std::string_view, 5> kUndone = {"like", "dislike", "watchlist", "hide", "completion"};
  if (!recent_.empty() && random_.below(4) != 0) {
    const Signal& undone = recent_[recent_.size() - 1 - random_.below(std::min<std::size_t>(recent_.size(), 20))];
    if (std::ranges::find(kUndone, undone.kind) != kUndone.end() && !undone.user.empty()) {
      return {.kind = undone.kind, .item = undone.item, .user = undone.user, .at = some_time()};
    }
  }
  return {.kind = std::string(kUndone[random_.below(kUndone.size())]),
          .item = key('i', random_.below(kHistoryItems)),
          .user = key('u', random_.below(kHistoryUsers)),
          .at = some_time()};
}

Relate History::random_edge() {
  struct Ends {
    std::string_view relation;
    char from;
    std::uint64_t from_count;
    char to;
    std::uint64_t to_count;
  };
  constexpr std::array<Ends, 4> kEnds = {{{"follows", 'u', kHistoryUsers, 'c', kHistoryCreators},
                                          {"blocks", 'u', kHistoryUsers, 'c', kHistoryCreators},
                                          {"friend", 'u', kHistoryUsers, 'u', kHistoryUsers},
                                          {"features", 'c', kHistoryCreators, 'i', kHistoryItems}}};
  const Ends& ends = kEnds[random_.below(kEnds.size())];
  Relate edge{.relation = std::string(ends.relation),
              .from = key(ends.from, random_.below(ends.from_count)),
              .to = key(ends.to, random_.below(ends.to_count))};
  if (ends.from == ends.to && edge.from == edge.to)
    edge.to = key(ends.to, (std::stoul(edge.to.substr(1)) + 1) % ends.to_count);
  edge.remove = random_.below(3) == 0;
  if (!edge.remove && random_.coin()) edge.weight = static_cast<double>(random_.below(20)) / 4;
  edge.at = some_time();
  return edge;
}

Hide History::random_hide() {
  constexpr std::array<char, 3> kLetters = {'i', 'u', 'c'};
  constexpr std::array<std::uint64_t, 3> kCounts = {kHistoryItems, kHistoryUsers, kHistoryCreators};
  const std::size_t kind = random_.below(3);
  Hide hide{.kind = static_cast<EntityKind>(kind), .key = key(kLetters[kind], random_.below(kCounts[kind]))};
  hide.unhide = random_.coin();
  if (!hide.unhide && random_.coin()) hide.reason = "reason " + std::to_string(random_.below(10));
  hide.at = some_time();
  return hide;
}

std::vector<float> History::random_vector() {
  std::vector<float> out(6);
  for (float& x : out) x = static_cast<float>(random_.below(2001)) / 1000.0F - 1.0F;
  out[random_.below(6)] += 2.0F;  // no zero vector
  return out;
}

Operation History::random_put(bool update) {
  constexpr std::array<std::string_view, 4> kCategories = {"jazz", "rock", "film", "piano"};
  const std::uint64_t dice = random_.below(10);
  PutOperation put;
  put.update = update;
  if (dice < 8) {
    put.key = key('i', random_.below(kHistoryItems));
    put.entity.creator = key('c', random_.below(kHistoryCreators));
    put.entity.fields["category"] = std::string(kCategories[random_.below(kCategories.size())]);
    if (random_.coin()) put.entity.fields["year"] = static_cast<std::int64_t>(1990 + random_.below(30));
    if (random_.coin()) put.entity.fields["title"] = "title " + std::to_string(random_.below(1000));
    if (random_.coin()) put.entity.fields["tags"] = std::vector<std::string>{"a", key('t', random_.below(5))};
    if (update && random_.below(3) == 0) put.entity.fields["year"] = std::monostate{};
    put.entity.created_at_open = !update && random_.coin();
    if (random_.below(3) != 0) put.entity.embeddings["content"] = random_vector();
    if (update && random_.below(4) == 0) put.entity.embeddings["content"] = {};
  } else if (dice == 8) {
    put.kind = EntityKind::User;
    put.key = key('u', random_.below(kHistoryUsers));
    put.entity.fields["country"] = std::string(random_.coin() ? "US" : "DE");
    if (random_.coin()) put.entity.embeddings["face"] = {1.5F, static_cast<float>(random_.below(9)), -3};
  } else {
    put.kind = EntityKind::Creator;
    put.key = key('c', random_.below(kHistoryCreators));
    put.entity.fields["verified"] = random_.coin();
  }
  return put;
}

Step History::next() {
  now_ = now_ + minutes(static_cast<std::int64_t>(random_.below(30)));
  if (random_.below(60) == 0) now_ = now_ + days(static_cast<std::int64_t>(random_.below(40)));
  Step step;
  const std::uint64_t dice = random_.below(100);
  const auto add_signal = [&](StepClass step_class) {
    step.step_class = step_class;
    Signal signal = random_signal();
    if (step_class == StepClass::Late) {
      signal.at = now_ - Duration{static_cast<std::int64_t>(random_.below(60ULL * 86'400'000'000ULL))};
    }
    if (step_class == StepClass::Anonymous) signal.user.clear();
    recent_.push_back(signal);
    step.operations.emplace_back(std::move(signal));
  };
  const auto add = [&](StepClass step_class, Operation operation) {
    step.step_class = step_class;
    step.operations.push_back(std::move(operation));
  };
  if (dice < 30) {
    const std::uint64_t count = 1 + random_.below(4);
    for (std::uint64_t i = 0; i < count; ++i) add_signal(StepClass::OnTime);
  } else if (dice < 40) {
    add_signal(StepClass::Late);
  } else if (dice < 47 && !recent_.empty()) {
    add(StepClass::Repeat, recent_[random_.below(recent_.size())]);
  } else if (dice < 53) {
    add_signal(StepClass::Anonymous);
  } else if (dice < 60) {
    add(StepClass::Undo, random_undo());
  } else if (dice < 69) {
    add(StepClass::Relate, random_edge());
  } else if (dice < 76) {
    add(StepClass::Hide, random_hide());
  } else if (dice < 86) {
    add(StepClass::Put, random_put(false));
  } else if (dice < 93) {
    add(StepClass::Update, random_put(true));
  } else {
    const bool creator = random_.below(8) == 0;
    add(StepClass::Delete, DeleteOperation{.kind = creator ? EntityKind::Creator : EntityKind::Item,
                                           .key = creator ? key('c', random_.below(kHistoryCreators))
                                                          : key('i', random_.below(kHistoryItems))});
  }
  ++counts_[static_cast<std::size_t>(step.step_class)];
  return step;
}

}  // namespace tidal::test
