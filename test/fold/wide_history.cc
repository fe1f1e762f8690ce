// Draws and writes the steps of wide histories.
#include "test/fold/wide_history.h"

#include <algorithm>
#include <array>
#include <utility>

#include "db/forget.h"
#include "db/session.h"
#include "query/parser.h"

namespace tidal::test::fold {
namespace {

/// Made one after the other in the course of a history.
constexpr std::array<std::string_view, 6> kDefinitions = {
    R"(DEFINE FIELD item.mood KEYWORD INDEXED INTEREST DEFAULT "calm";)",
    R"(BEGIN;
       DEFINE SIGNAL share ROLE share, positive DECAY linear(30d) WINDOWS 1h, 30d UNIQUE SCOPE global, user
         EFFECTS preference +0.15, creator +0.20, affinity +0.40, mark shared, mark seen;
       DEFINE FIELD creator.fans INT INDEXED DEFAULT 3;
       COMMIT;)",
    "DEFINE RELATION mutes FROM user TO item EXCLUDES feeds EFFECTS affinity -0.5, preference -0.05;",
    "DEFINE FIELD user.name TEXT;",
    "DEFINE EMBEDDING creator.style SIZE 2 METRIC dot;",
    R"(DEFINE SIGNAL resume VALUE 0..1 DECAY none WINDOWS 7d
         EFFECTS mark in_progress, mark completed WHEN value >= 0.95, mark saved WHEN value = 0.5;)"};

constexpr std::array<std::string_view, 10> kSettings = {
    "interest_vectors:0",         "interest_vectors:1",         "interest_vectors:2", "interest_vectors:8",
    "relationship_half_life:36h", "relationship_half_life:90d", "seen_expires:10d",   "seen_expires:0d",
    "create_users:false",         "create_users:true"};

}  // namespace

std::string_view wide_class_name(WideClass c) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(WideClass::Count)> kNames = {
      "plain",    "batch", "definition", "settings", "user_deleted", "user_forgotten", "keyed",
      "new_kind", "copy",  "tie",        "edges",    "import",       "race",           "rebuild"};
  return kNames[static_cast<std::size_t>(c)];
}

Result<SeqNo> write(db::Core& core, const std::vector<Operation>& operations, const BatchOptions& options) {
  db::Preparer preparer = core.preparer();
  TIDAL_TRY_ASSIGN(db::PreparedBatch batch, db::prepare_batch(preparer, operations, options));
  TIDAL_TRY(core.commit(batch));
  SeqNo last;
  for (const WriteReply& reply : batch.replies) last = std::max(last, reply.seqno);
  return last;
}

Result<SeqNo> run(db::Core& core, std::string_view text) {
  TIDAL_TRY_ASSIGN(const query::Script script, query::parse(text));
  const Params params;
  db::Session session(core, params);
  for (const query::Statement& statement : script.statements) TIDAL_TRY(session.execute(statement));
  TIDAL_TRY(session.finish());
  return core.applied();
}

Step WideHistory::next(base::FixedClock& clock) {
  Step step = history_.next();
  clock.set(history_.now());
  return step;
}

Result<SeqNo> WideHistory::write_next(db::Core& core, base::FixedClock& clock) {
  const std::uint64_t dice = random_.below(100);
  const auto counted = [this](WideClass c) { ++counts_[c]; };
  if (dice < 8) return counted(WideClass::Batch), write_batch(core, clock);
  if (dice < 10) return counted(WideClass::Definition), write_definition(core);
  if (dice < 13) return counted(WideClass::Settings), write_settings(core);
  if (dice < 15) {
    counted(WideClass::UserDeleted);
    return write(core, {DeleteOperation{.kind = EntityKind::User, .key = some_user()}});
  }
  if (dice < 17 && forgets_) return counted(WideClass::UserForgotten), forget(core);
  if (dice < 20) return counted(WideClass::KeyedSignal), write_keyed(core);
  if (dice < 27 && definitions_ > 1) return counted(WideClass::NewSignal), write_new_signal(core);
  if (dice < 29 && !last_.empty()) return counted(WideClass::Copy), write_copy(core);
  if (dice < 31) return counted(WideClass::ImportMark), write_import(core, clock);
  if (dice < 38 && !last_.empty()) return counted(WideClass::Tie), write_tie(core);
  if (dice < 43) return counted(WideClass::Edges), write_edges(core);
  if (dice < 46) return counted(WideClass::Race), race(core, clock);
  if (dice < 47) {
    counted(WideClass::Rebuild);
    const std::vector<std::string_view> views = db::Views::derived();
    TIDAL_TRY(core.rebuild(views[random_.below(views.size())], {}));
    return SeqNo{};
  }
  counted(WideClass::Plain);
  last_ = next(clock).operations;
  return write(core, last_);
}

/// Several steps at once: later operations see what earlier ones will have done.
Result<SeqNo> WideHistory::write_batch(db::Core& core, base::FixedClock& clock) {
  std::vector<Operation> all;
  for (std::uint64_t steps = 2 + random_.below(4); steps > 0; --steps) {
    for (Operation& operation : next(clock).operations) all.push_back(std::move(operation));
  }
  Result<SeqNo> written = write(core, all);
  if (written.ok() || written.error().code == Code::IoError) return written;
  // One that is refused refuses all: what can be written of them, one by one.
  SeqNo last;
  for (const Operation& operation : all) {
    const Result<SeqNo> one = write(core, {operation});
    if (one.ok()) last = std::max(last, *one);
    if (!one.ok() && one.error().code == Code::IoError) return one;
  }
  return last;
}

Result<SeqNo> WideHistory::write_definition(db::Core& core) {
  if (definitions_ == kDefinitions.size()) return SeqNo{};
  // A crash may have taken it; defining it again as it is changes nothing.
  return run(core, kDefinitions[definitions_++]);
}

Result<SeqNo> WideHistory::write_settings(db::Core& core) {
  return run(core, "ALTER SETTINGS " + std::string(kSettings[random_.below(kSettings.size())]) + ";");
}

/// Two different signals may have one key: the first counts.
Result<SeqNo> WideHistory::write_keyed(db::Core& core) {
  return write(core, {Signal{.kind = random_.coin() ? "view" : "like",
                             .item = some_item(),
                             .user = random_.coin() ? some_user() : "",
                             .at = history_.now() + seconds(static_cast<std::int64_t>(random_.below(200))),
                             .idempotency_key = "key " + std::to_string(random_.below(4))}});
}

Result<SeqNo> WideHistory::write_new_signal(db::Core& core) {
  const Timestamp at =
      history_.now() - (random_.coin() ? hours(static_cast<std::int64_t>(random_.below(100))) : Duration{});
  const std::uint64_t dice = random_.below(10);
  if (dice < 2) {
    return write(
        core,
        {Relate{
            .relation = "mutes", .from = some_user(), .to = some_item(), .remove = random_.below(3) == 0, .at = at}});
  }
  if (dice < 3) return write(core, {Unsignal{.kind = "share", .item = some_item(), .user = some_user(), .at = at}});
  if (dice < 4) return write(core, {Unsignal{.kind = "resume", .item = some_item(), .user = some_user(), .at = at}});
  if (dice < 5) return write_null(core);
  if (dice < 6) {
    PutOperation put{.kind = EntityKind::Creator, .key = "c0", .update = random_.coin()};
    put.entity.embeddings["style"] = {static_cast<float>(random_.below(9)), 1.25F};
    put.entity.fields["fans"] = static_cast<std::int64_t>(random_.below(9));
    return write(core, {put});
  }
  Signal signal{.kind = dice < 8 ? "share" : "resume", .item = some_item(), .user = some_user(), .at = at};
  if (signal.kind == "resume") signal.value = static_cast<double>(random_.below(21)) / 20;
  return write(core, {signal});
}

/// About few edges, so that they are written again, taken away, and told late.
Result<SeqNo> WideHistory::write_edges(db::Core& core) {
  std::vector<Operation> all;
  const std::string user = some_user();
  for (std::uint64_t n = 1 + random_.below(4); n > 0; --n) {
    const bool is_late = random_.below(3) == 0;
    Relate edge{.relation = random_.below(3) == 0 ? "blocks" : "follows",
                .from = user,
                .to = "c" + std::to_string(random_.below(2)),
                .remove = random_.below(3) == 0,
                .at = history_.now() - (is_late ? hours(static_cast<std::int64_t>(random_.below(72))) : Duration{})};
    if (!edge.remove) edge.weight = static_cast<double>(1 + random_.below(3));
    all.emplace_back(std::move(edge));
  }
  return write(core, all);
}

/// Values come and go, and where one goes the default is back.
Result<SeqNo> WideHistory::write_null(db::Core& core) {
  PutOperation put{.kind = EntityKind::Item, .key = some_item(), .update = true};
  put.entity.fields["mood"] = random_.coin() ? Value(std::string("wild")) : Value();
  if (random_.coin()) put.entity.fields["category"] = Value();
  if (random_.coin()) put.entity.fields["length"] = random_.coin() ? Value(minutes(9)) : Value();
  return write(core, {put});
}

/// The opposites of the last step at the same times: the later record wins.
Result<SeqNo> WideHistory::write_tie(db::Core& core) {
  std::vector<Operation> opposites;
  for (const Operation& operation : last_) {
    if (const auto* signal = std::get_if<Signal>(&operation)) {
      opposites.emplace_back(
          Unsignal{.kind = signal->kind, .item = signal->item, .user = signal->user, .at = signal->at});
    } else if (const auto* undo = std::get_if<Unsignal>(&operation)) {
      opposites.emplace_back(Signal{.kind = undo->kind, .item = undo->item, .user = undo->user, .at = undo->at});
    } else if (const auto* edge = std::get_if<Relate>(&operation)) {
      Relate opposite = *edge;
      opposite.remove = !edge->remove;
      opposite.weight = 1;
      opposites.emplace_back(std::move(opposite));
    } else if (const auto* hide = std::get_if<Hide>(&operation)) {
      opposites.emplace_back(
          Hide{.kind = hide->kind, .key = hide->key, .unhide = !hide->unhide, .reason = "", .at = hide->at});
    }
  }
  if (opposites.empty()) return SeqNo{};
  if (random_.coin()) last_ = opposites;  // and their opposites next
  return write(core, opposites);
}

/// What another log had twice is written twice.
Result<SeqNo> WideHistory::write_copy(db::Core& core) { return write(core, last_, {.keep_duplicates = true}); }

Result<SeqNo> WideHistory::write_import(db::Core& core, base::FixedClock& clock) {
  const ImportMark mark{.id = std::string(db::kImportIdBytes, static_cast<char>('a' + random_.below(3))),
                        .position = random_.below(1000)};
  return write(core, next(clock).operations, {.import_mark = mark});
}

/// Records are checked, and what they are about goes away before they are written. Not of those that say what stood:
/// between their check and their write nothing of that kind is written.
Result<SeqNo> WideHistory::race(db::Core& core, base::FixedClock& clock) {
  std::vector<Operation> late = next(clock).operations;
  std::erase_if(late, [](const Operation& o) { return db::StandingTurns::lanes_of({&o, 1}).any(); });
  if (late.empty()) late = {Signal{.kind = "like", .item = some_item(), .user = some_user(), .at = history_.now()}};
  db::Preparer preparer = core.preparer();
  Result<db::PreparedBatch> batch = db::prepare_batch(preparer, late, {});
  if (!batch.ok()) return SeqNo{};
  std::string item = some_item();
  if (const auto* signal = std::get_if<Signal>(&late.front()); signal != nullptr && signal->kind != "praise") {
    item = signal->item;
  }
  TIDAL_TRY_ASSIGN(const SeqNo first, write(core, {DeleteOperation{.kind = EntityKind::Item, .key = item}}));
  if (forgets_ && random_.coin()) {
    if (const auto forgotten = forget(core); !forgotten.ok() && forgotten.error().code == Code::IoError) return first;
  }
  const Status written = core.commit(*batch);
  if (!written.ok() && written.error().code != Code::NotFound) return written.error();
  return std::max(first, core.applied());
}

Result<SeqNo> WideHistory::forget(db::Core& core) {
  db::ErasureSalt salt{};
  for (std::uint8_t& byte : salt) byte = static_cast<std::uint8_t>(random_.below(256));
  TIDAL_TRY(db::forget_user(core, some_user(), salt));
  return core.applied();
}

}  // namespace tidal::test::fold
