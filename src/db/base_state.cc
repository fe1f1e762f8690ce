// Choosing a base, and making one of a checkpoint.
#include "db/base_state.h"

#include "db/anonymiser.h"
#include "db/stores.h"

namespace tidal::db {

materializer::CheckpointDirectory base_directory(base::FileSystem& fs, const std::string& database) {
  return {fs, database + "/base", {.kept = 1, .read_back = true, .reads_older_images = true}};
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
  const Status whole = log.replay(SeqNo{1}, [newest](std::span<wal::WalEvent> events) -> Status {
    TIDAL_TRY(check_replayable(events));
    for (const wal::WalEvent& event : events) {
      if (event.record.type != wal::RecordType::Empty || event.seqno > newest) continue;
      return Error(Code::Corruption, "what a repair filled in is in the base");
    }
    return {};
  });
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
  std::vector<std::string> removed;  // damaged stores: those that may be lost
  TIDAL_TRY_ASSIGN(Stores stores, Stores::open(fs, database, Stores::Files::AsFound, &removed));
  std::vector<std::string> lost;
  for (std::size_t i = 0; i < kStores.size(); ++i) {
    if (kStores[i].may_be_lost && stores.at(i).seqno() != seqno) lost.emplace_back(kStores[i].view);
  }
  const materializer::CheckpointDirectory checkpoints(fs, database + "/checkpoints");
  return base_directory(fs, database).copy_from(checkpoints, seqno, stores.dumps(fs, seqno), lost);
}

}  // namespace tidal::db
