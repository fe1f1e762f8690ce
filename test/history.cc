// Draws the steps of random histories.
#include "test/history.h"

namespace tidal::test {
namespace {

constexpr std::array<std::string_view, 8> kItemSignals = {"view", "view",    "view",      "completion",
                                                          "like", "dislike", "watchlist", "hide"};

std::string key(char letter, std::uint64_t i) { return std::string(1, letter) + std::to_string(i); }

}  // namespace

std::string_view step_class_name(StepClass c) {
  constexpr std::array<std::string_view, 7> kNames = {"on_time", "late",   "repeat", "anonymous",
                                                      "put",     "update", "delete"};
  return kNames[static_cast<std::size_t>(c)];
}

std::string_view history_schema() {
  return R"(
    BEGIN;
    DEFINE FIELD item.title TEXT;
    DEFINE FIELD item.category KEYWORD INDEXED;
    DEFINE FIELD item.tags KEYWORD[] INDEXED;
    DEFINE FIELD item.year INT INDEXED;
    DEFINE FIELD item.length DURATION INDEXED DEFAULT 5m;
    DEFINE FIELD user.country KEYWORD INDEXED;
    DEFINE FIELD creator.verified BOOL INDEXED DEFAULT false;
    DEFINE SIGNAL view VALUE 0.. DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY SCOPE global, user
      EFFECTS mark seen;
    DEFINE SIGNAL completion VALUE 0..1 DECAY exponential(30d) WINDOWS 24h, 7d
      EFFECTS mark completed WHEN value >= 0.9, mark in_progress WHEN value < 0.9;
    DEFINE SIGNAL like ROLE positive DECAY linear(14d) WINDOWS 1h, 24h EFFECTS mark liked, mark seen;
    DEFINE SIGNAL dislike ROLE negative DECAY none WINDOWS 24h EFFECTS mark disliked, mark seen;
    DEFINE SIGNAL watchlist ROLE save, positive DECAY none EFFECTS mark saved;
    DEFINE SIGNAL hide DECAY none EFFECTS mark hidden;
    DEFINE SIGNAL praise ON creators ROLE positive DECAY exponential(1d) WINDOWS 7d;
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
  } else if (dice == 8) {
    put.kind = EntityKind::User;
    put.key = key('u', random_.below(kHistoryUsers));
    put.entity.fields["country"] = std::string(random_.coin() ? "US" : "DE");
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
  if (dice < 30) {
    const std::uint64_t count = 1 + random_.below(4);
    for (std::uint64_t i = 0; i < count; ++i) add_signal(StepClass::OnTime);
  } else if (dice < 45) {
    add_signal(StepClass::Late);
  } else if (dice < 55 && !recent_.empty()) {
    step.step_class = StepClass::Repeat;
    step.operations.emplace_back(recent_[random_.below(recent_.size())]);
  } else if (dice < 65) {
    add_signal(StepClass::Anonymous);
  } else if (dice < 80) {
    step.step_class = StepClass::Put;
    step.operations.push_back(random_put(false));
  } else if (dice < 90) {
    step.step_class = StepClass::Update;
    step.operations.push_back(random_put(true));
  } else {
    step.step_class = StepClass::Delete;
    step.operations.emplace_back(
        DeleteOperation{.kind = EntityKind::Item, .key = key('i', random_.below(kHistoryItems))});
  }
  ++counts_[static_cast<std::size_t>(step.step_class)];
  return step;
}

}  // namespace tidal::test
