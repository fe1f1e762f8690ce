// What one signal costs in every view of the closed loop: applied as the log hands it over, view by view and together.
//
// loop_bench [items] [users] [dimensions]
// Default 100,000 items, 20,000 users whose lists of recent positives are full, and both 128 dimensions (f32) and 1536
// (f16). Prints microseconds of one core an event, of likes and of the default mix, and bytes a user, an item, an edge.
// Every figure is the best of several rounds over random users and Zipf-popular items. Groups of 64 are what a loaded
// server applies; one by one is what a single writer waits for.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "db/prepare.h"
#include "db/views.h"
#include "query/define.h"
#include "query/parser.h"
#include "schema/schema_templates.h"

namespace tidal::db {
namespace {

constexpr Timestamp kStart{1'790'000'000'000'000};
constexpr std::uint64_t kCreators = 5'000;
constexpr std::size_t kRecent = 50;  // a full list
constexpr int kRounds = 5;
constexpr std::size_t kMeasured = 64 * 400;  // events a round

struct Shape {
  std::uint64_t items = 100'000;
  std::uint64_t users = 20'000;
  std::uint32_t dimensions = 128;
};

/// Of this thread on its processor: what else runs on the machine takes none of it, but for the caches.
double now_ns() {
  timespec now{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) std::abort();
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Events that own their bytes.
class Events {
 public:
  void add(const PreparedRecord& prepared) {
    std::string& bytes = bytes_.emplace_back();
    wal::encode_record(prepared.record(), SeqNo{++last_}, bytes);
    ids_.push_back(prepared.record().event_id);
  }
  void clear() {
    bytes_.clear();
    ids_.clear();
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  /// Views into this.
  [[nodiscard]] std::vector<wal::WalEvent> decoded() const {
    std::vector<wal::WalEvent> events(bytes_.size());
    for (std::size_t i = 0; i < events.size(); ++i) {
      std::string_view in = bytes_[i];
      if (!wal::decode_record(in, events[i].seqno, events[i].record).ok()) std::abort();
      events[i].append_time = events[i].record.event_time;
      events[i].record.event_id = ids_[i];  // as the queue does
    }
    return events;
  }

 private:
  std::vector<std::string> bytes_;
  std::vector<wal::EventId> ids_;
  std::uint64_t last_ = 0;
};

class Bench {
 public:
  explicit Bench(const Shape& shape) : shape_(shape) {
    views_ = std::make_unique<Views>(stores_);
    define();
    put_items();
    fill_lists();
  }

  void run() {
    std::printf("\n-- %u dimensions, %llu items, %llu users\n", shape_.dimensions,
                static_cast<unsigned long long>(shape_.items), static_cast<unsigned long long>(shape_.users));
    measure("like", [this] { return like(); });
    measure("default mix", [this] { return mixed(); });
    print_memory();
    relate();
  }

 private:
  void apply(std::span<wal::WalEvent> events) {
    for (; !events.empty(); events = events.subspan(std::min(events.size(), wal::kEventGroup))) {
      views_->registry().apply(events.first(std::min(events.size(), wal::kEventGroup)));
    }
  }
  void apply_all() {
    std::vector<wal::WalEvent> events = events_.decoded();
    apply(events);
    events_.clear();
  }

  void define() {
    std::string text(schema::schema_templates().front().statements);
    text += "DEFINE EMBEDDING item.content SIZE " + std::to_string(shape_.dimensions) +
            (shape_.dimensions > 256 ? " STORAGE f16" : "") + " PREFERENCE;";
    const auto script = query::parse(text);
    const auto validated = query::validate_definitions({}, script->statements);
    if (!validated.ok()) std::abort();
    events_.add(schema_record(validated->change, kStart));
    apply_all();
  }

  void write(const Operation& operation) {
    Preparer preparer(views_->schema(), *views_, {now_, now_});
    WriteReply reply;
    auto prepared = preparer.prepare(operation, reply);
    if (!prepared.ok() || !*prepared) std::abort();
    events_.add(**prepared);
  }

  void put_items() {
    for (std::uint64_t i = 0; i < shape_.items; ++i) {
      PutOperation put{.key = "i" + std::to_string(i)};
      put.entity.creator = "c" + std::to_string(random_.below(kCreators));
      put.entity.fields["title"] = "title " + std::to_string(i);
      put.entity.fields["category"] = "category " + std::to_string(random_.below(50));
      std::vector<float>& vector = put.entity.embeddings["content"];
      vector.resize(shape_.dimensions);
      // Clustered, as tastes are: a centre and some noise.
      base::Random centre(random_.below(64));
      for (float& x : vector) {
        x = static_cast<float>(centre.uniform() - 0.5) + 0.3F * static_cast<float>(random_.uniform() - 0.5);
      }
      write(put);
      if (events_.size() == 4'096) apply_all();
    }
    apply_all();
  }

  [[nodiscard]] std::string popular_item() {
    const double rank = std::exp(random_.uniform() * std::log(static_cast<double>(shape_.items))) - 1;
    return "i" + std::to_string(static_cast<std::uint64_t>(rank) * 2'654'435'761U % shape_.items);
  }
  [[nodiscard]] std::string any_user() { return "u" + std::to_string(random_.below(shape_.users)); }
  [[nodiscard]] Signal event(std::string kind) {
    now_ = now_ + microseconds(1'000);
    return {.kind = std::move(kind), .item = popular_item(), .user = any_user(), .at = now_};
  }
  [[nodiscard]] Signal like() { return event("like"); }
  /// 70 % views, 15 % completions, 8 % likes, 7 % of the rest.
  [[nodiscard]] Signal mixed() {
    constexpr const char* kRest[] = {"share", "watchlist", "comment", "skip", "dislike", "hide", "share"};
    const std::uint64_t dice = random_.below(100);
    if (dice < 70) return event("view");
    if (dice >= 93) return event(kRest[dice - 93]);
    if (dice >= 85) return event("like");
    Signal completion = event("completion");
    completion.value = random_.uniform();
    return completion;
  }

  void fill_lists() {
    for (std::uint64_t i = 0; i < shape_.users * (kRecent + 10); ++i) {
      write(like());
      if (events_.size() == 4'096) apply_all();
    }
    apply_all();
  }

  template <class Draw>
  void measure(const char* what, Draw draw) {
    double grouped = 1e300;
    double singly = 1e300;
    const auto& views = views_->registry().views();
    std::vector<double> by_view(views.size(), 1e300);
    for (int round = 0; round < kRounds; ++round) {
      grouped = std::min(grouped, timed(draw, [this](std::span<wal::WalEvent> events) { apply(events); }));
      singly = std::min(singly, timed(draw, [this](std::span<wal::WalEvent> events) {
                          for (wal::WalEvent& event : events) views_->registry().apply(event);
                        }));
      time_views(draw, by_view);
    }
    std::printf("%-14s %6.2f us an event in groups of %zu, %6.2f us one by one; of the first by view (ns):", what,
                grouped / 1e3, wal::kEventGroup, singly / 1e3);
    for (std::size_t v = 0; v < views.size(); ++v) {
      if (by_view[v] > 5) std::printf(" %s %.0f", std::string(views[v]->name()).c_str(), by_view[v]);
    }
    std::printf("\n");
  }

  template <class Draw, class Apply>
  double timed(Draw draw, Apply apply_events) {
    for (std::size_t i = 0; i < kMeasured; ++i) write(draw());
    std::vector<wal::WalEvent> events = events_.decoded();
    const double start = now_ns();
    apply_events(events);
    const double spent = (now_ns() - start) / static_cast<double>(events.size());
    events_.clear();
    return spent;
  }

  /// Each view takes a group by itself, after what makes its ids: their sum is near what they take together.
  template <class Draw>
  void time_views(Draw draw, std::vector<double>& best) {
    for (std::size_t i = 0; i < kMeasured; ++i) write(draw());
    std::vector<wal::WalEvent> events = events_.decoded();
    const auto& views = views_->registry().views();
    std::vector<double> spent(views.size());
    Resolver resolver(views_->catalog(), const_cast<entity::EntityStore&>(views_->entities()));
    for (std::span<wal::WalEvent> rest = events; !rest.empty();
         rest = rest.subspan(std::min(rest.size(), wal::kEventGroup))) {
      const std::span<wal::WalEvent> group = rest.first(std::min(rest.size(), wal::kEventGroup));
      resolver.look_ahead(group);
      for (wal::WalEvent& event : group) resolver.resolve(event);
      for (std::size_t v = 0; v < views.size(); ++v) {
        const double start = now_ns();
        views[v]->prefetch(group);
        for (const wal::WalEvent& event : group) views[v]->apply(event);
        spent[v] += now_ns() - start;
      }
    }
    for (std::size_t v = 0; v < views.size(); ++v) {
      best[v] = std::min(best[v], spent[v] / static_cast<double>(events.size()));
    }
    events_.clear();
  }

  /// Every user follows some creators, popular ones more often.
  void relate() {
    constexpr std::uint64_t kFollowed = 20;
    const auto bytes = [this](const char* view) {
      return static_cast<double>(views_->registry().find(view)->memory_bytes());
    };
    const double before = bytes("relations");
    const double weights_before = bytes("weights");
    double spent = 0;
    std::uint64_t edges = 0;
    for (std::uint64_t u = 0; u < shape_.users; ++u) {
      for (std::uint64_t e = 0; e < kFollowed; ++e) {
        now_ = now_ + microseconds(1'000);
        const double rank = std::exp(random_.uniform() * std::log(static_cast<double>(kCreators))) - 1;
        write(Relate{.relation = "follows",
                     .from = "u" + std::to_string(u),
                     .to = "c" + std::to_string(static_cast<std::uint64_t>(rank)),
                     .at = now_});
      }
      edges += events_.size();
      std::vector<wal::WalEvent> events = events_.decoded();
      const double start = now_ns();
      apply(events);
      spent += now_ns() - start;
      events_.clear();
    }
    const auto follows = static_cast<std::uint16_t>(views_->schema().relation_index("follows"));
    std::uint64_t standing = 0;
    for (std::uint32_t u = 0; u < views_->entities().ordinal_count(EntityKind::User); ++u) {
      standing += views_->relations().outgoing_count(follows, to_ordinal(u));
    }
    std::printf(
        "edges          %6.2f us a RELATE in groups of %llu; %llu stand: %.1f bytes an edge in relations, %.1f "
        "in weights\n",
        spent / static_cast<double>(edges) / 1e3, static_cast<unsigned long long>(kFollowed),
        static_cast<unsigned long long>(standing), (bytes("relations") - before) / static_cast<double>(standing),
        (bytes("weights") - weights_before) / static_cast<double>(standing));
  }

  void print_memory() const {
    std::printf("memory (MiB; bytes a user, an item):");
    for (const auto& view : views_->registry().views()) {
      const auto bytes = static_cast<double>(view->memory_bytes());
      if (bytes < 1 << 16) continue;
      std::printf(" %s %.1f (%.0f, %.0f)", std::string(view->name()).c_str(), bytes / (1 << 20),
                  bytes / static_cast<double>(shape_.users), bytes / static_cast<double>(shape_.items));
    }
    std::printf("\n");
  }

  Shape shape_;
  Stores stores_;
  std::unique_ptr<Views> views_;
  base::Random random_{1};
  Timestamp now_ = kStart;
  Events events_;
};

}  // namespace
}  // namespace tidal::db

int main(int argc, char** argv) {
  tidal::db::Shape shape;
  if (argc > 1) shape.items = std::strtoull(argv[1], nullptr, 10);
  if (argc > 2) shape.users = std::strtoull(argv[2], nullptr, 10);
  std::vector<std::uint32_t> sizes = {128, 1536};
  if (argc > 3) sizes = {static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10))};
  for (const std::uint32_t dimensions : sizes) {
    shape.dimensions = dimensions;
    tidal::db::Bench(shape).run();
  }
  return 0;
}
