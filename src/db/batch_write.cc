// Batches with and without definitions.
#include "db/batch_write.h"

#include <algorithm>

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

Result<std::vector<WriteReply>> write_next(Core& core, Preparer preparer, std::span<const Operation> operations,
                                           const BatchOptions& options, const schema::SchemaChange& change) {
  TIDAL_TRY_ASSIGN(PreparedBatch batch, prepare_batch(preparer, operations, options));
  if (!change.empty()) {
    const Timestamp at = options.definitions->at.value_or(preparer.now());
    batch.records.insert(batch.records.begin(), schema_record(change, at));
    for (std::size_t& record : batch.record_of_reply) {
      if (record != kNoRecord) ++record;
    }
  }
  TIDAL_TRY(core.commit(batch, options.deadline));
  return std::move(batch.replies);
}

/// With a preparer made when no other that bears on standing is between its preparation and its commit: its `now` too
/// comes after theirs.
template <class MakePreparer>
Result<std::vector<WriteReply>> write_in_turn(Core& core, const MakePreparer& preparer,
                                              std::span<const Operation> operations, const BatchOptions& options,
                                              const schema::SchemaChange& change) {
  if (!std::ranges::any_of(operations, bears_on_standing)) {
    return write_next(core, preparer(), operations, options, change);
  }
  const base::MutexLock lock(core.standing_mutex());
  return write_next(core, preparer(), operations, options, change);
}

}  // namespace

Result<std::vector<WriteReply>> write_batch(Core& core, std::span<const Operation> operations,
                                            const BatchOptions& options) {
  if (options.deadline && (options.deadline->us < 0 || *options.deadline > days(1))) {
    return Error(Code::InvalidArgument, "deadline: expected 0 to 1 day, got " + to_string(*options.deadline));
  }
  if (!options.definitions) return write_in_turn(core, [&] { return core.preparer(); }, operations, options, {});
  const base::MutexLock lock(core.schema_mutex());
  TIDAL_TRY_ASSIGN(const schema::Validated next, validated(core, *options.definitions));
  return write_in_turn(
      core, [&] { return core.preparer(next.next); }, operations, options, next.change);
}

}  // namespace tidal::db
