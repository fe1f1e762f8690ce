// Times RETRIEVE over a million items in the real views, and checks the scanned answer against scoring everything.
//
// Usage: query_bench [items]. Prints p50 and p99 in milliseconds a query; exit 1 when the answers differ.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "entity/entity_store.h"
#include "index/field_index.h"
#include "query/empty_loop_for_test.h"
#include "query/engine.h"
#include "query/parser.h"
#include "signal/ledger_set.h"
#include "signal/user_state.h"
#include "storage/backends.h"

namespace tidal {
namespace {

constexpr Timestamp kNow{1'795'348'800'000'000};  // 2026-11-22T12:00:00Z
constexpr int kRuns = 200;

std::int64_t monotonic_us() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

struct Database {
  schema::Schema schema;
  base::MemoryFileSystem files;
  std::unique_ptr<storage::KeyValueStore> store = storage::open_memory_store(files, "").value();
  entity::EntityStore entities{*store};
  index::FieldIndex fields;
  signal::LedgerSet ledgers;
  signal::UserState state;
  query::EmptyLoop loop;

  [[nodiscard]] query::ReadViews views() const {
    return loop.added_to({.schema = &schema,
                          .entities = &entities,
                          .fields = &fields,
                          .items = &ledgers.items,
                          .creators = &ledgers.creators,
                          .users = &ledgers.users,
                          .user_state = &state});
  }
};

schema::Schema two_signals() {
  schema::Schema schema;
  schema.version = 1;
  for (const auto& [name, role] : {std::pair<std::string, Role>{"view", Role::View}, {"share", Role::Share}}) {
    SignalDef def;
    def.name = name;
    def.roles = static_cast<std::uint16_t>(role);
    def.windows = {Window::Hour, Window::Day, Window::Week};
    def.velocity = true;
    schema.signals.push_back(def);
  }
  EffectDef seen;
  seen.mark = Mark::Seen;
  schema.signals[0].effects.push_back(seen);
  return schema;
}

void fill(Database& db, std::uint32_t items) {
  db.schema = two_signals();
  db.fields.configure(db.schema);
  db.ledgers.items.configure(db.schema.signals);
  const Ordinal user = db.entities.assign(EntityKind::User, "u1");
  db.entities.ensure_live(EntityKind::User, user, {SeqNo{1}, kNow});
  base::Random random(1);
  entity::EncodedContent content;
  for (std::uint32_t i = 0; i < items; ++i) {
    const Ordinal o = db.entities.assign(EntityKind::Item, "item" + std::to_string(i));
    content.created_at = kNow - minutes(static_cast<std::int64_t>(random.below(40'000)));
    db.entities.put(EntityKind::Item, o, content, {SeqNo{i + 2}, kNow});
    db.fields.put(EntityKind::Item, o, {});
  }
  for (std::uint32_t e = 0; e < 4 * items; ++e) {
    // Squaring draws popular items more often.
    const double u = random.uniform();
    const auto item = to_ordinal(static_cast<std::uint32_t>(u * u * items));
    const Timestamp at = kNow - seconds(static_cast<std::int64_t>(random.below(172'800)));
    const auto signal = static_cast<signal::SignalIndex>(random.below(5) == 0 ? 1 : 0);
    db.ledgers.items.record({signal, item, at, 1, 0});
    if (signal == 0 && random.below(400) == 0) db.state.record({0, user, item, at, std::nullopt}, db.schema.signals[0]);
  }
}

struct Timed {
  std::vector<std::string> keys;
  double p50_ms = 0;
  double p99_ms = 0;
};

Timed time_query(const Database& db, const std::string& text) {
  query::QueryContext context;
  context.now = kNow;
  context.clock_now = kNow;
  context.seqno_now = [] { return SeqNo{1}; };
  context.monotonic_us = monotonic_us;
  static const std::string key(32, 'k');
  context.cursor_key = key;
  const query::Script script = query::parse(text).value();
  const auto& query = std::get<query::Query>(script.statements.at(0).body);
  std::vector<std::int64_t> times;
  Timed timed;
  for (int run = 0; run < kRuns; ++run) {
    const std::int64_t start = monotonic_us();
    auto reply = query::run(query, db.views(), context);
    times.push_back(monotonic_us() - start);
    if (!reply.ok()) {
      std::fprintf(stderr, "%s: %s\n", text.c_str(), reply.error().to_string().c_str());
      std::exit(1);
    }
    timed.keys.clear();
    for (const ResultItem& item : reply->items) timed.keys.push_back(item.key);
    if (times.size() == 10 && times.back() > 1'000'000) break;
  }
  std::sort(times.begin(), times.end());
  timed.p50_ms = static_cast<double>(times[times.size() / 2]) / 1e3;
  timed.p99_ms = static_cast<double>(times[times.size() * 99 / 100]) / 1e3;
  std::printf("%-70s %9.3f %9.3f\n", text.c_str(), timed.p50_ms, timed.p99_ms);
  return timed;
}

int run(std::uint32_t items) {
  Database db;
  fill(db, items);
  const std::string trending = "RETRIEVE items SORT BY trending WITH fields() LIMIT 25";
  const std::string unseen = "RETRIEVE items FOR USER @u1 FILTER unseen SORT BY trending WITH fields() LIMIT 25";
  std::printf("%-70s %9s %9s\n", "query", "p50 ms", "p99 ms");
  // Before columns exist every candidate is scored: the slow, obvious answer.
  const Timed slow = time_query(db, trending);
  db.ledgers.items.add_default_columns(db.schema.signals, kNow);
  db.ledgers.items.settle(kNow);
  const Timed fast = time_query(db, trending);
  time_query(db, "RETRIEVE items SORT BY trending WITH fields() LIMIT 500");
  time_query(db, unseen);
  time_query(db, "RETRIEVE items SORT BY most_viewed WITH fields() LIMIT 25");
  time_query(db, "RETRIEVE items SORT BY new WITH fields() LIMIT 25");
  if (fast.keys == slow.keys) return 0;
  std::fprintf(stderr, "the scan's answer differs from scoring everything\n");
  return 1;
}

}  // namespace
}  // namespace tidal

int main(int argc, char** argv) {
  return tidal::run(argc > 1 ? static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10)) : 1'000'000U);
}
