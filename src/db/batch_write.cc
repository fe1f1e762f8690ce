// Batches with and without definitions.
#include "db/batch_write.h"

#include "query/define.h"
#include "query/parser.h"

namespace tidal::db {
namespace {

Result<schema::Validated> validated(const Core& core, const Definitions& definitions) {
  if (definitions.at) TIDAL_TRY(check_time(*definitions.at, "definitions.at"));
  TIDAL_TRY_ASSIGN(const query::Script script, query::parse(definitions.statements));
  for (const query::Statement& statement : script.statements) {
    if (query::is_definition(statement)) continue;
    return Error(Code::InvalidArgument, "definitions: expected DEFINE and ALTER SETTINGS only, got '" +
                                            definitions.statements.substr(0, 80) + "'");
  }
  return query::validate_definitions(core.views().schema(), script.statements);
}

/// `next`: the schema that the batch brings into force with its first record; null where it brings none.
Result<std::vector<WriteReply>> write_in_turn(Core& core, const schema::Validated* next,
                                              std::span<const Operation> operations, const BatchOptions& options) {
  TIDAL_TRY_ASSIGN(const StandingTurns::Turn turn, core.take_turn(operations, options.deadline));
  Preparer preparer = next != nullptr ? core.preparer(next->next) : core.preparer();
  TIDAL_TRY_ASSIGN(PreparedBatch batch, prepare_batch(preparer, operations, options));
  if (next != nullptr && !next->change.empty()) {
    const Timestamp at = options.definitions->at.value_or(preparer.now());
    batch.records.insert(batch.records.begin(), schema_record(next->change, at));
    for (std::size_t& record : batch.record_of_reply) {
      if (record != kNoRecord) ++record;
    }
  }
  TIDAL_TRY(core.commit(batch, options.deadline));
  return std::move(batch.replies);
}

}  // namespace

Result<std::vector<WriteReply>> write_batch(Core& core, std::span<const Operation> operations,
                                            const BatchOptions& options) {
  if (options.deadline && (options.deadline->us < 0 || *options.deadline > days(1))) {
    return Error(Code::InvalidArgument, "deadline: expected 0 to 1 day, got " + to_string(*options.deadline));
  }
  if (!options.definitions) return write_in_turn(core, nullptr, operations, options);
  const base::MutexLock lock(core.schema_mutex());
  TIDAL_TRY_ASSIGN(const schema::Validated next, validated(core, *options.definitions));
  return write_in_turn(core, &next, operations, options);
}

}  // namespace tidal::db
