// How each backend is opened; open_store() chooses among them.
//
// Threads: see kv.h.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "storage/kv.h"

namespace tidal::storage {

struct LmdbOptions {
  /// Address space reserved at first, doubled whenever it is full; the file grows only with its content.
  std::size_t map_bytes = std::size_t{1} << 30;
};

/// Magic, version and content of one file at `path`; nothing is kept when `path` is empty.
[[nodiscard]] Result<std::unique_ptr<KeyValueStore>> open_memory_store(base::FileSystem& fs, const std::string& path);
/// `path` is a directory. A commit that needs a larger map while a Snapshot is open gives Unavailable.
[[nodiscard]] Result<std::unique_ptr<KeyValueStore>> open_lmdb_store(const std::string& path, LmdbOptions options = {});
/// `path` is a directory. FailedPrecondition for a store of a newer format of ours, before anything is committed.
[[nodiscard]] Result<std::unique_ptr<KeyValueStore>> open_rocksdb_store(const std::string& path);

struct RocksDbSummary {
  SeqNo seqno;
  std::uint64_t values = 0;
};
/// Judges the store in the directory `path`, which nobody has open, without writing: every block's checksum and every
/// value's. NotFound when there is none; Corruption; FailedPrecondition for a newer format; IoError. Cost: reads all of
/// it twice.
[[nodiscard]] Result<RocksDbSummary> check_rocksdb_store(const std::string& path);

}  // namespace tidal::storage
