// Replaying a log into views that nobody else sees.
#include "db/offline/replayed.h"

#include <span>
#include <utility>
#include <vector>

#include "db/anonymiser.h"
#include "db/base_state.h"
#include "db/offline/log_walk.h"
#include "db/unfinished_directory.h"
#include "materializer/checkpoint.h"
#include "materializer/registry.h"
#include "schema/catalog.h"
#include "schema/statements.h"
#include "wal/log.h"

namespace tidal::db {

Result<std::unique_ptr<base::FileLock>> lock_to_read(base::FileSystem& fs, const std::string& directory) {
  const std::string path = directory + "/LOCK";
  if (!fs.exists(path)) return std::unique_ptr<base::FileLock>();
  return fs.lock_existing(path);
}

namespace {

Result<std::unique_ptr<wal::Log>> read_whole_log(base::FileSystem& fs, const std::string& directory) {
  TIDAL_TRY(check_is_finished(fs, directory));
  if (!fs.is_directory(directory + "/wal")) {
    return Error(Code::NotFound, "no database at '" + directory + "' (create one: tidal init " + directory + ")");
  }
  TIDAL_TRY_ASSIGN(std::unique_ptr<wal::Log> log,
                   wal::Log::read(fs, directory + "/wal", {.archive_dir = archive_folder(directory)}));
  TIDAL_TRY_ASSIGN(const SeqNo checkpoint, materializer::CheckpointDirectory(fs, directory + "/checkpoints").newest());
  TIDAL_TRY_ASSIGN(const SeqNo base, base_directory(fs, directory).newest());
  for (const auto& [what, seqno] : {std::pair("checkpoint", checkpoint), std::pair("base", base)}) {
    if (seqno <= log->last_seqno()) continue;
    return Error(Code::Corruption, directory + "/wal ends at seqno " + std::to_string(log->last_seqno().value) +
                                       ", before the " + what + " at seqno " + std::to_string(seqno.value));
  }
  return log;
}

Result<SeqNo> restore_base(base::FileSystem& fs, const std::string& directory, const wal::Log& log,
                           const materializer::Registry& views, std::span<const materializer::StoreFile> stores) {
  materializer::CheckpointDirectory bases = base_directory(fs, directory);
  Result<SeqNo> base = db::restore_base(bases, log, log.last_seqno(), views, stores);
  if (!base.ok()) return Error(base.error().code, directory + ": " + base.error().message);
  return base;
}

}  // namespace

Result<std::unique_ptr<ReplayedDatabase>> ReplayedDatabase::open(base::FileSystem& fs, const std::string& directory) {
  std::unique_ptr<ReplayedDatabase> database(new ReplayedDatabase);
  TIDAL_TRY_ASSIGN(database->lock_, lock_to_read(fs, directory));
  TIDAL_TRY_ASSIGN(const std::unique_ptr<wal::Log> log, read_whole_log(fs, directory));
  database->views_ = std::make_unique<Views>(database->stores_);
  database->views_->expect_newest(log->last_record_time());
  TIDAL_TRY_ASSIGN(const SeqNo base, restore_base(fs, directory, *log, database->views_->registry(),
                                                  database->stores_.dumps(fs, SeqNo{})));
  const auto apply = [&views = *database->views_](std::span<wal::WalEvent> events) -> Status {
    TIDAL_TRY(check_replayable(events));
    views.registry().apply(events);
    return {};
  };
  if (const Status replayed = log->replay(base.next(), apply); !replayed.ok()) {
    if (base != SeqNo{}) return replayed.error();
    return cause_of_failed_replay(base_directory(fs, directory), database->views_->registry(), replayed.error());
  }
  return database;
}

DigestReport ReplayedDatabase::digest() const {
  const std::vector<materializer::ViewDigest> lines = views_->registry().digest_by_view();
  DigestReport report{
      .seqno = views_->registry().min_applied(), .all = materializer::combined_digest(lines), .by_view = {}};
  for (const materializer::ViewDigest& line : lines) report.by_view.emplace_back(line.view, line.hex);
  return report;
}

Result<std::string> logged_schema(base::FileSystem& fs, const std::string& directory) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<wal::Log> log, read_whole_log(fs, directory));
  materializer::Registry views;
  views.add(std::make_unique<schema::Catalog>());
  auto& catalog = static_cast<schema::Catalog&>(*views.views().front());
  TIDAL_TRY_ASSIGN(const SeqNo base, restore_base(fs, directory, *log, views, {}));
  TIDAL_TRY(log->replay(base.next(), [&catalog](std::span<wal::WalEvent> events) -> Status {
    for (const wal::WalEvent& event : events) {
      if (event.record.type == wal::RecordType::SchemaChange) catalog.apply(event);
    }
    return {};
  }));
  return schema::to_statements(catalog.current());
}

}  // namespace tidal::db
