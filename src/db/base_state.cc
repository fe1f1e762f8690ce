// The stores of a base, dumped and loaded.
#include "db/base_state.h"

#include "db/anonymiser.h"
#include "storage/store_dump.h"

namespace tidal::db {

materializer::CheckpointDirectory base_directory(base::FileSystem& fs, const std::string& database) {
  return {fs, database + "/base", {.kept = 1, .read_back = true, .reads_older_images = true}};
}

std::vector<materializer::StoreFile> base_stores(base::FileSystem& fs, storage::KeyValueStore& entity_store,
                                                 SeqNo seqno) {
  return {
      {.name = std::string(kEntityDump),
       .format = storage::kDumpFormat,
       .write = [&entity_store, seqno](base::FileWriter& out) { return storage::write_dump(entity_store, seqno, out); },
       .load = [&fs, &entity_store](const std::string& path,
                                    SeqNo at) { return storage::load_dump(fs, path, at, entity_store); }}};
}

Status check_base_is_readable(const materializer::CheckpointDirectory& bases, const materializer::Registry& views) {
  TIDAL_TRY_ASSIGN(const SeqNo base, bases.newest());
  if (base == SeqNo{}) return {};
  const Status readable = bases.check_versions(views, base);
  if (readable.ok() || readable.error().code != Code::FailedPrecondition) return {};
  return Error(Code::FailedPrecondition,
               readable.error().message +
                   ", and the log before it is not there to be replayed: put the archive back, or open the database "
                   "with a release that reads that logic (docs/formats/base.md names them)");
}

Error cause_of_failed_replay(const materializer::CheckpointDirectory& bases, const materializer::Registry& views,
                             Error error) {
  if (error.code != Code::Corruption) return error;
  const Status readable = check_base_is_readable(bases, views);
  if (readable.ok()) return error;
  return Error(readable.error().code, readable.error().message + "; " + error.message);
}

Result<SeqNo> restore_newest_base(materializer::CheckpointDirectory& bases, const wal::Log& log, SeqNo last,
                                  const materializer::Registry& views, std::span<const materializer::StoreFile> stores,
                                  std::vector<std::string>& notes) {
  const SeqNo left{log.history_first_seqno().value - 1};
  TIDAL_TRY_ASSIGN(const SeqNo base, bases.restore(views, {.first = left, .last = last}, notes, stores));
  TIDAL_TRY_ASSIGN(const SeqNo newest, bases.newest());
  if (base != SeqNo{} || newest == SeqNo{} || left != SeqNo{}) return base;
  // It may only lack a view that was added since (M7): all of history then tells more, where it can be replayed.
  const Status whole = log.replay(SeqNo{1}, check_replayable);
  if (whole.ok()) return SeqNo{};
  if (whole.error().code != Code::Corruption) return whole.error();
  std::vector<std::string> same_notes;
  return bases.restore(views, {.first = newest, .last = last}, same_notes, stores);
}

Result<SeqNo> restore_base(materializer::CheckpointDirectory& bases, const wal::Log& log, SeqNo last,
                           const materializer::Registry& views, std::span<const materializer::StoreFile> stores) {
  const SeqNo history = log.history_first_seqno();
  std::vector<std::string> notes;
  TIDAL_TRY_ASSIGN(const SeqNo base, restore_newest_base(bases, log, last, views, stores, notes));
  if (base != SeqNo{} || history == SeqNo{1}) return base;
  TIDAL_TRY(check_base_is_readable(bases, views));
  Error error(Code::Corruption, "the log begins with seqno " + std::to_string(history.value) +
                                    ", and there is no base that it could stand on");
  for (const std::string& note : notes) error.message += "; " + note;
  return error;
}

Status promote_checkpoint(base::FileSystem& fs, const std::string& database, SeqNo seqno) {
  const std::string path = database + "/stores/entities";
  const storage::Backend backend = fs.is_directory(path) ? storage::Backend::Lmdb : storage::Backend::Memory;
  TIDAL_TRY_ASSIGN(const std::unique_ptr<storage::KeyValueStore> store, storage::open_store(backend, fs, path));
  const materializer::CheckpointDirectory checkpoints(fs, database + "/checkpoints");
  return base_directory(fs, database).copy_from(checkpoints, seqno, base_stores(fs, *store, seqno));
}

}  // namespace tidal::db
