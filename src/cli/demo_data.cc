// Generating the demo's world.
#include "cli/demo_data.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/background_thread.h"

namespace tidal::cli {
namespace {

constexpr std::array<std::string_view, 8> kCategories = {"music",   "cooking", "science", "games",
                                                         "fitness", "travel",  "comedy",  "crafts"};
constexpr std::array<std::string_view, 12> kOpenings = {"How I learned",
                                                        "Ten minutes of",
                                                        "The truth about",
                                                        "A beginner's guide to",
                                                        "Why nobody talks about",
                                                        "One year of",
                                                        "Live:",
                                                        "The history of",
                                                        "I tried",
                                                        "Mistakes to avoid in",
                                                        "Slow",
                                                        "The best of"};
constexpr std::array<std::array<std::string_view, 6>, 8> kTopics = {{
    {"jazz piano", "modular synths", "choir singing", "blues guitar", "film scores", "drum loops"},
    {"sourdough", "ramen", "street tacos", "pickling", "knife skills", "one-pot dinners"},
    {"black holes", "fungi", "deep-sea vents", "prime numbers", "volcanoes", "bird migration"},
    {"speedruns", "chess endgames", "retro consoles", "city builders", "pinball", "board games"},
    {"kettlebells", "trail running", "mobility", "climbing", "swimming", "rowing"},
    {"night trains", "Patagonia", "Kyoto in winter", "the Azores", "desert roads", "Baltic islands"},
    {"improv", "office life", "bad translations", "cat logic", "stand-up", "prank calls"},
    {"wood turning", "quilting", "pottery", "bookbinding", "model ships", "leather work"},
}};
constexpr std::array<std::string_view, 5> kLanguages = {"en", "de", "es", "fr", "ja"};
constexpr std::uint32_t kCreators = 120;
constexpr Duration kAge = days(30);

struct Chance {
  std::string_view kind;
  double below;  // of a uniform number in [0, 1)
};
constexpr std::array<Chance, 6> kChances = {
    {{"impression", 0.30}, {"view", 0.80}, {"like", 0.90}, {"completion", 0.95}, {"share", 0.975}, {"dislike", 1.0}}};

template <std::size_t n>
std::string_view pick(base::Random& random, const std::array<std::string_view, n>& from) {
  return from[random.below(n)];
}

}  // namespace

std::vector<Operation> DemoWorld::catalogue(Timestamp now) {
  std::vector<Operation> operations;
  operations.reserve(kDemoItems);
  for (std::uint32_t i = 0; i < kDemoItems; ++i) {
    const std::size_t category = random_.below(kCategories.size());
    const std::string_view topic = pick(random_, kTopics[category]);
    PutOperation put;
    put.key = fmt::format("v{}", i + 1);
    put.entity.creator = fmt::format("c{}", random_.below(kCreators) + 1);
    put.entity.created_at = now - Duration{static_cast<std::int64_t>(random_.uniform() * static_cast<double>(kAge.us))};
    put.entity.fields["title"] = fmt::format("{} {}", pick(random_, kOpenings), topic);
    put.entity.fields["category"] = std::string(kCategories[category]);
    put.entity.fields["tags"] = std::vector<std::string>{std::string(topic)};
    const bool is_short = random_.below(4) == 0;
    put.entity.fields["format"] = std::string(is_short ? "short" : "video");
    put.entity.fields["length"] = is_short ? seconds(static_cast<std::int64_t>(15 + random_.below(45)))
                                           : minutes(static_cast<std::int64_t>(1 + random_.below(59)));
    put.entity.fields["language"] = std::string(pick(random_, kLanguages));
    operations.emplace_back(std::move(put));
  }
  return operations;
}

std::uint32_t DemoWorld::popular_item() {
  // A log-uniform rank: item k gets a share proportional to 1/k.
  const double rank = std::exp(random_.uniform() * std::log(static_cast<double>(kDemoItems)));
  return static_cast<std::uint32_t>(rank) % kDemoItems + 1;
}

Signal DemoWorld::event(Timestamp at) {
  Signal signal;
  const double chance = random_.uniform();
  for (const Chance& each : kChances) {
    if (chance < each.below) {
      signal.kind = each.kind;
      break;
    }
  }
  signal.item = fmt::format("v{}", popular_item());
  signal.user = fmt::format("u{}", random_.below(kDemoUsers) + 1);
  signal.at = at;
  if (signal.kind == "completion") signal.value = random_.uniform();
  return signal;
}

LiveEvents::LiveEvents(Database& database, DemoWorld world)
    : database_(database), world_(std::move(world)), thread_([this] { run(); }) {}

LiveEvents::~LiveEvents() {
  {
    const base::MutexLock lock(mutex_);
    stop_ = true;
  }
  wakeup_.notify_all();
  thread_.join();
}

void LiveEvents::run() {
  base::begin_background_thread("tidal-demo");
  constexpr std::size_t kEvents = 20;
  constexpr auto kPause = std::chrono::milliseconds(100);
  while (true) {
    {
      const base::MutexLock lock(mutex_);
      const auto next = std::chrono::steady_clock::now() + kPause;
      bool in_time = true;
      while (!stop_ && in_time) in_time = wakeup_.wait_until(mutex_, next);
      if (stop_) return;
    }
    std::vector<Signal> events;
    for (std::size_t i = 0; i < kEvents; ++i) events.push_back(world_.event(database_.now()));
    if (!database_.signals(events).ok()) return;  // the database is closing
  }
}

}  // namespace tidal::cli
