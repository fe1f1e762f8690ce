// Views over stores in memory, and the records they are given.
#include "test/view_stand.h"

#include <gtest/gtest.h>

#include "query/define.h"
#include "query/parser.h"

namespace tidal::test {
namespace {

schema::SchemaChange history_definitions() {
  const Result<query::Script> script = query::parse(history_schema());
  EXPECT_TRUE(script.ok());
  Result<schema::Validated> validated = query::validate_definitions(schema::Schema{}, script->statements);
  EXPECT_TRUE(validated.ok());
  return validated->change;
}

}  // namespace

void append(Stand& lead, Records& records, const db::PreparedRecord& prepared) {
  std::string bytes;
  wal::encode_record(prepared.record(), SeqNo{records.size() + 1}, bytes);
  lead.apply(bytes);
  records.push_back(std::move(bytes));
}

std::vector<wal::WalEvent> events_of(const Records& records, std::size_t from, std::size_t to) {
  std::vector<wal::WalEvent> events(to - from);
  for (std::size_t i = from; i < to; ++i) {
    std::string_view in = records[i];
    wal::WalEvent& event = events[i - from];
    EXPECT_TRUE(wal::decode_record(in, event.seqno, event.record).ok());
    event.append_time = event.record.event_time;
  }
  return events;
}

Stand::Stand() { views = std::make_unique<db::Views>(stores); }

void Stand::apply(const std::string& bytes) { apply(Records{bytes}, 0, 1); }

void Stand::apply(const Records& records, std::size_t from, std::size_t to) {
  for (wal::WalEvent& event : events_of(records, from, to)) views->registry().apply(event);
}

std::string Stand::digest(std::string_view view) const {
  return materializer::digest_of(*views->registry().find(view)).hex;
}

std::vector<std::string> Stand::names() const {
  std::vector<std::string> out;
  for (const auto& view : views->registry().views()) out.emplace_back(view->name());
  return out;
}

db::PreparedRecord erasure_of(std::string_view user, std::uint64_t number, Timestamp at) {
  db::ErasureSalt salt{};
  for (std::size_t i = 0; i < 8; ++i) salt[i] = static_cast<std::uint8_t>(number >> 8 * i);
  return db::erase_record(db::make_erased_user(user, salt), at);
}

Records random_records(std::uint64_t seed, std::size_t steps) { return random_records(seed, steps, 0); }

Records random_records(std::uint64_t seed, std::size_t steps, std::size_t erasures) {
  base::Random random(seed);
  Stand lead;
  Records records;
  append(lead, records, db::schema_record(history_definitions(), kHistoryStart));
  History history(seed, kHistoryStart);
  for (std::size_t i = 0; i < steps; ++i) {
    const Step step = history.next();
    if (erasures > 0 && random.below(steps) < erasures) {
      const std::uint32_t users = lead.views->entities().ordinal_count(EntityKind::User);
      if (users > 0) {
        const Ordinal user = to_ordinal(static_cast<std::uint32_t>(random.below(users)));
        const std::string key(lead.views->entities().key_of(EntityKind::User, user));
        append(lead, records, erasure_of(key, i, history.now()));  // of nobody when it was forgotten already
      }
    }
    db::Preparer preparer(lead.views->schema(), *lead.views, {history.now(), history.now()});
    Result<db::PreparedBatch> batch = db::prepare_batch(preparer, step.operations, {});
    if (!batch.ok()) continue;
    for (const db::PreparedRecord& record : batch->records) append(lead, records, record);
  }
  return records;
}

}  // namespace tidal::test
