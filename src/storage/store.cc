// The choice of a backend.
#include "storage/backends.h"

namespace tidal::storage {

Result<std::unique_ptr<KeyValueStore>> open_store(Backend backend, base::FileSystem& fs, const std::string& path) {
  switch (backend) {
    case Backend::Lmdb: return open_lmdb_store(path);
    case Backend::RocksDb: return open_rocksdb_store(path);
    case Backend::Memory: return open_memory_store(fs, path);
  }
  return Error(Code::Internal, "unknown store backend " + std::to_string(static_cast<int>(backend)));
}

}  // namespace tidal::storage
