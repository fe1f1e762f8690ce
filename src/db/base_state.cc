// The stores of a base, dumped and loaded.
#include "db/base_state.h"

#include "storage/store_dump.h"

namespace tidal::db {

materializer::CheckpointDirectory base_directory(base::FileSystem& fs, const std::string& database) {
  return {fs, database + "/base", {.kept = 1, .read_back = true}};
}

std::vector<materializer::StoreFile> base_stores(base::FileSystem& fs, storage::KeyValueStore& entity_store,
                                                 SeqNo seqno) {
  return {
      {.name = "entity_fields",
       .format = storage::kDumpFormat,
       .write = [&entity_store, seqno](base::FileWriter& out) { return storage::write_dump(entity_store, seqno, out); },
       .load = [&fs, &entity_store](const std::string& path,
                                    SeqNo at) { return storage::load_dump(fs, path, at, entity_store); }}};
}

Status promote_checkpoint(base::FileSystem& fs, const std::string& database, SeqNo seqno) {
  const std::string path = database + "/stores/entities";
  const storage::Backend backend = fs.is_directory(path) ? storage::Backend::Lmdb : storage::Backend::Memory;
  TIDAL_TRY_ASSIGN(const std::unique_ptr<storage::KeyValueStore> store, storage::open_store(backend, fs, path));
  const materializer::CheckpointDirectory checkpoints(fs, database + "/checkpoints");
  return base_directory(fs, database).copy_from(checkpoints, seqno, base_stores(fs, *store, seqno));
}

}  // namespace tidal::db
