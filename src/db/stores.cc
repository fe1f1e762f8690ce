// Opening, clearing and dumping every store alike.
#include "db/stores.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "storage/backends.h"
#include "storage/lmdb_file.h"
#include "storage/store_dump.h"

namespace tidal::db {
namespace {

storage::Backend backend_of(base::FileSystem& fs, const std::string& path, Stores::Files files,
                            const StorePlace& place) {
  const bool is_plain =
      files == Stores::Files::Plain || (files == Stores::Files::AsFound && fs.exists(path) && !fs.is_directory(path));
  return is_plain ? storage::Backend::Memory : place.production;
}

std::unique_ptr<storage::KeyValueStore> memory_store() {
  auto opened = storage::open_store(storage::Backend::Memory, base::posix_file_system(), "");
  TIDAL_ASSERT(opened.ok());  // there is nothing to open
  return std::move(opened).value();
}

}  // namespace

std::string store_path(std::string_view directory, const StorePlace& place) {
  return std::string(directory) + "/stores/" + std::string(place.view);
}

Result<std::optional<SeqNo>> read_store_seqno(base::FileSystem& fs, const std::string& directory,
                                              const StorePlace& place) {
  const std::string path = store_path(directory, place);
  if (!fs.exists(path)) return std::optional<SeqNo>();
  if (!fs.is_directory(path)) {
    TIDAL_TRY_ASSIGN(const auto store, storage::open_store(storage::Backend::Memory, fs, path));
    return std::optional(store->seqno());
  }
  if (place.production == storage::Backend::Lmdb) {
    // Not through LMDB, which writes its table of readers even where it only reads.
    if (!fs.exists(path + "/data.mdb")) return std::optional<SeqNo>();
    TIDAL_TRY_ASSIGN(const storage::LmdbFileSummary store, storage::check_lmdb_file(fs, path + "/data.mdb"));
    return std::optional(store.seqno);
  }
  const Result<storage::RocksDbSummary> store = storage::check_rocksdb_store(path);
  if (store.ok()) return std::optional(store->seqno);
  if (store.error().code == Code::NotFound) return std::optional<SeqNo>();
  return store.error();
}

Stores::Stores() {
  for (auto& store : stores_) store = memory_store();
}

Result<Stores> Stores::open(base::FileSystem& fs, const std::string& directory, Files files,
                            std::vector<std::string>* notes) {
  Stores stores;
  for (std::size_t i = 0; i < kStores.size(); ++i) {
    const StorePlace& place = kStores[i];
    const std::string path = store_path(directory, place);
    const storage::Backend backend = backend_of(fs, path, files, place);
    auto opened = storage::open_store(backend, fs, path);
    if (!opened.ok() && opened.error().code == Code::Corruption && notes != nullptr) {
      notes->push_back("the " + std::string(place.title) + " is damaged and is rebuilt: " + opened.error().message);
      TIDAL_TRY(fs.remove_all(path));
      TIDAL_TRY(fs.create_directories(directory + "/stores"));
      opened = storage::open_store(backend, fs, path);
    }
    if (!opened.ok()) return std::move(opened).error();
    stores.stores_[i] = std::move(opened).value();
  }
  return stores;
}

bool Stores::empty() const {
  return std::ranges::all_of(stores_, [](const auto& store) { return store->seqno() == SeqNo{}; });
}

std::unique_ptr<storage::KeyValueStore> Stores::release_rollups() { return std::exchange(stores_[1], memory_store()); }

Status Stores::clear() {
  for (const auto& store : stores_) TIDAL_TRY(store->clear());
  return {};
}

Status Stores::rewrite() {
  for (const auto& store : stores_) TIDAL_TRY(store->rewrite());
  return {};
}

std::vector<materializer::StoreFile> Stores::dumps(base::FileSystem& fs, SeqNo seqno) {
  std::vector<materializer::StoreFile> files;
  for (std::size_t i = 0; i < kStores.size(); ++i) {
    storage::KeyValueStore& store = at(i);
    files.push_back(
        {.name = std::string(kStores[i].dump),
         .view = std::string(kStores[i].view),
         .format = storage::kDumpFormat,
         .write = [&store, seqno](base::FileWriter& out) { return storage::write_dump(store, seqno, out); },
         .load = [&fs, &store](const std::string& path, SeqNo at) { return storage::load_dump(fs, path, at, store); },
         .clear = [&store] { return store.clear(); }});
  }
  return files;
}

}  // namespace tidal::db
