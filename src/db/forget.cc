// The two statements about all that is a user's.
#include "db/forget.h"

#include <sys/random.h>

#include <array>
#include <unordered_map>
#include <utility>

#include "base/assert.h"
#include "base/epoch.h"
#include "db/log_lines.h"
#include "schema/literal_text.h"
#include "signal/user_state.h"

namespace tidal::db {
namespace {

constexpr std::array kAllMarks = {Mark::Seen,   Mark::Liked,     Mark::Disliked,   Mark::Saved,
                                  Mark::Shared, Mark::Completed, Mark::InProgress, Mark::Hidden};
static_assert(kAllMarks.size() == kMarks);

ErasureSalt random_salt() {
  ErasureSalt salt;
  TIDAL_ASSERT(getrandom(salt.data(), salt.size(), 0) == static_cast<ssize_t>(salt.size()));
  return salt;
}

/// The user's ordinal; one who was deleted still has marks.
Result<Ordinal> find_user(const Core& core, std::string_view key) {
  const Ordinal user = core.views().entities().find(EntityKind::User, key);
  if (user == Ordinal::None) return Error(Code::NotFound, "user '" + std::string(key) + "' does not exist");
  return user;
}

Result<Fields> fields_of(const Core& core, Ordinal user) {
  if (!core.views().entities().is_live(EntityKind::User, user)) return Fields{};
  Result<entity::EntityContent> content = core.views().entities().content(EntityKind::User, user);
  if (!content.ok() && content.error().code == Code::NotFound) return Fields{};  // deleted meanwhile
  if (!content.ok()) return std::move(content).error();
  return std::move(content->fields);
}

struct UserSignal {
  std::string_view name;
  double count = 0;  ///< of all time
  double score = 0;  ///< decayed to now
};

/// Of the signals that are counted by user (SCOPE user) those that the user sent.
std::vector<UserSignal> signals_of(const Core& core, Ordinal user) {
  std::vector<UserSignal> sent;
  const auto& signals = core.views().schema().signals;
  const signal::Ledger& ledger = core.views().ledgers().users;
  const Timestamp now = core.now();
  for (std::size_t i = 0; i < signals.size(); ++i) {
    if (!signals[i].in_scope(Scope::User)) continue;
    const auto signal = static_cast<signal::SignalIndex>(i);
    UserSignal of{.name = signals[i].name};
    ledger.counts({.signal = signal, .window = Window::All, .now = now}, std::span(&user, 1), std::span(&of.count, 1));
    ledger.decay_scores(signal, now, std::span(&user, 1), std::span(&of.score, 1));
    if (of.count > 0) sent.push_back(of);
  }
  return sent;
}

/// Its own slots, its preference and its interest vectors.
std::uint64_t count_vectors(const Core& core, Ordinal user) {
  const Views& views = core.views();
  std::uint64_t vectors = views.preferences().interests(user, core.now()).count;
  std::vector<float> whole(views.preferences().size());
  if (!whole.empty() && views.preferences().vector(user, whole)) ++vectors;
  const std::vector<EmbeddingDef>& slots = views.schema().embeddings;
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    if (slots[slot].kind == EntityKind::User && views.embeddings().has(slot, user)) ++vectors;
  }
  return vectors;
}

std::vector<std::pair<std::string, std::uint64_t>> count_all(const Core& core, Ordinal user, const Fields& fields) {
  std::uint64_t marks = 0;
  std::uint64_t seen = 0;
  std::uint64_t progress = 0;
  const signal::UserState& state = core.views().user_state();
  for (const Mark mark : kAllMarks) {
    const std::uint64_t items = state.marked(user, mark).cardinality();
    (mark == Mark::Seen ? seen : marks) += items;
    if (mark == Mark::InProgress) progress = items;
  }
  double signals = 0;
  for (const UserSignal& each : signals_of(core, user)) signals += each.count;
  std::uint64_t edges = 0;
  core.views().relations().for_each_fact_of(EntityKind::User, user,
                                            [&](const relationship::EdgeFact& fact) { edges += fact.stands ? 1 : 0; });
  std::uint64_t weights = 0;
  core.views().weights().for_each_fact_of(user, [&](const relationship::WeightFact&) { ++weights; });
  return {{"edges", edges},
          {"fields", fields.size()},
          {"marks", marks},
          {"seen", seen},
          {"progress", progress},
          {"signals", static_cast<std::uint64_t>(signals)},
          {"vectors", count_vectors(core, user)},
          {"weights", weights}};
}

Value count_value(std::uint64_t n) { return static_cast<std::int64_t>(n); }

void add_marks(const Core& core, Ordinal user, RowsReply& reply) {
  const signal::UserState& state = core.views().user_state();
  for (const Mark mark : kAllMarks) {
    const std::vector<Ordinal> items = state.marked(user, mark).to_vector();
    std::vector<double> times(items.size());
    state.times_of(user, mark, items, -1.0, times);
    for (std::size_t i = 0; i < items.size(); ++i) {
      Value value;
      if (mark == Mark::InProgress) value = state.progress(user, items[i]);
      reply.rows.push_back({std::string(mark_name(mark)), Value(),
                            times[i] < 0 ? Value() : Value(Timestamp{static_cast<std::int64_t>(times[i])}),
                            std::string(core.views().entities().key_of(EntityKind::Item, items[i])), value, Value()});
    }
  }
}

/// Edges in both directions, weights, interests and vectors.
void add_learned(const Core& core, Ordinal user, RowsReply& reply) {
  const Views& views = core.views();
  const auto key = [&](EntityKind kind, Ordinal o) { return std::string(views.entities().key_of(kind, o)); };
  views.relations().for_each_fact_of(EntityKind::User, user, [&](const relationship::EdgeFact& fact) {
    if (!fact.stands) return;
    const RelationDef& relation = views.schema().relations[fact.relation];
    const bool out = relation.from == EntityKind::User && fact.from == user;
    const std::string other = out ? key(relation.to, fact.to) : key(relation.from, fact.from);
    reply.rows.push_back(
        {relation.name + (out ? "" : " (of the other)"), Value(), fact.at, other, fact.weight, Value()});
  });
  for (const auto& [kind, what] : {std::pair{relationship::WeightKind::Interaction, "interaction"},
                                   std::pair{relationship::WeightKind::Affinity, "affinity"}}) {
    const EntityKind other = kind == relationship::WeightKind::Interaction ? EntityKind::Creator : EntityKind::Item;
    for (const relationship::Weight& each : views.weights().top(user, kind, ~std::size_t{0}, core.now())) {
      reply.rows.push_back({std::string(what), Value(), Value(), key(other, each.other), each.weight, Value()});
    }
  }
  for (const signal::Interest& each : views.interests().top(user, ~std::size_t{0}, core.now())) {
    reply.rows.push_back({"interest", Value(), Value(), views.schema().fields[each.field].name + " " + each.value,
                          each.weight, Value()});
  }
  for (const relationship::RecentItem& each : views.co_engagement().recent(user)) {
    reply.rows.push_back({"recent positive", Value(), each.at, key(EntityKind::Item, each.item), Value(), Value()});
  }
}

void add_vector(std::string what, std::string name, std::span<const float> vector, RowsReply& reply) {
  std::string text;
  for (const float x : vector) text += (text.empty() ? "[" : ", ") + schema::number_text(x);
  reply.rows.push_back({std::move(what), Value(), Value(), std::move(name), text + "]", Value()});
}

void add_vectors(const Core& core, Ordinal user, RowsReply& reply) {
  const Views& views = core.views();
  const std::vector<EmbeddingDef>& slots = views.schema().embeddings;
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    std::vector<float> vector(slots[slot].size);
    if (slots[slot].kind == EntityKind::User && views.embeddings().vector(slot, user, vector)) {
      add_vector("embedding", slots[slot].name, vector, reply);
    }
  }
  std::vector<float> whole(views.preferences().size());
  if (!whole.empty() && views.preferences().vector(user, whole)) add_vector("preference", "", whole, reply);
  const signal::Preferences::Interests interests = views.preferences().interests(user, core.now());
  for (std::size_t i = 0; i < interests.count; ++i) add_vector("interest vector", "", interests.vector(i), reply);
}

/// Every record that names the user, from that one on.
Status add_records(const wal::Log& log, SeqNo first, std::string_view key, RowsReply& reply) {
  return log.replay(first, [&](std::span<wal::WalEvent> events) -> Status {
    for (const wal::WalEvent& event : events) {
      const wal::Record& record = event.record;
      const bool is_subject = record.subject_kind == EntityKind::User && record.subject_key == key;
      if (!is_subject && record.user_key != key) continue;
      TIDAL_TRY_ASSIGN(const std::optional<std::string> line, import_line(record));
      reply.rows.push_back({"record", count_value(event.seqno.value), record.event_time,
                            is_subject ? Value() : Value(std::string(record.subject_key)), Value(),
                            line ? Value(*line) : Value()});
    }
    return {};
  });
}

/// The entity, its fields, its marks and what is counted of it.
Status add_state(const Core& core, std::string_view key, RowsReply& reply) {
  const base::EpochGuard guard;  // a rebuild may replace the views meanwhile
  TIDAL_TRY_ASSIGN(const Ordinal user, find_user(core, key));
  TIDAL_TRY_ASSIGN(const Fields fields, fields_of(core, user));
  const entity::CreationTime created = core.views().entities().created_at(EntityKind::User, user);
  reply.rows.push_back(
      {"user", Value(), created.known ? Value(created.at) : Value(), std::string(key), Value(), Value()});
  for (const auto& [name, value] : fields) reply.rows.push_back({"field", Value(), Value(), name, value, Value()});
  add_marks(core, user, reply);
  add_learned(core, user, reply);
  add_vectors(core, user, reply);
  for (const UserSignal& each : signals_of(core, user)) {
    reply.rows.push_back({"count", Value(), Value(), std::string(each.name), each.count, Value()});
    reply.rows.push_back({"score", Value(), Value(), std::string(each.name), each.score, Value()});
  }
  return {};
}

}  // namespace

Result<ForgetReply> forget_user(Core& core, std::string_view key) { return forget_user(core, key, random_salt()); }

Result<ForgetReply> forget_user(Core& core, std::string_view key, const ErasureSalt& salt) {
  ForgetReply reply;
  {
    const base::EpochGuard guard;  // a rebuild may replace the views meanwhile
    TIDAL_TRY_ASSIGN(const Ordinal user, find_user(core, key));
    TIDAL_TRY_ASSIGN(const Fields fields, fields_of(core, user));
    reply.removed = count_all(core, user, fields);
  }
  PreparedBatch batch;
  batch.records.push_back(erase_record(make_erased_user(key, salt), core.now()));
  batch.replies.push_back(batch.records.front().reply);
  batch.record_of_reply.push_back(0);
  TIDAL_TRY(core.commit(batch));
  reply.op = batch.replies.front().op;
  reply.status = batch.replies.front().status;
  reply.seqno = batch.replies.front().seqno;
  reply.log = core.log() == nullptr ? "none" : "at next compaction";
  return reply;
}

Result<RowsReply> export_user(const Core& core, std::string_view key) {
  RowsReply reply;
  reply.columns = {"what", "seqno", "at", "name", "value", "record"};
  TIDAL_TRY(add_state(core, key, reply));
  if (core.log() == nullptr) return reply;
  const std::size_t state_rows = reply.rows.size();
  while (true) {
    const SeqNo first = core.log()->history_first_seqno();
    Status read = add_records(*core.log(), first, key, reply);
    if (read.ok()) return reply;
    // Segments that left the log in between: what is left is exported.
    if (core.log()->history_first_seqno() == first) return std::move(read).error();
    reply.rows.resize(state_rows);
  }
}

}  // namespace tidal::db
