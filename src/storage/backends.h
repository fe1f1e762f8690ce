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
/// `path` is a directory.
[[nodiscard]] Result<std::unique_ptr<KeyValueStore>> open_rocksdb_store(const std::string& path);

}  // namespace tidal::storage
