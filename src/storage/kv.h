// The key-value store under views that do not fit in memory: one interface, three backends, one contract suite.
//
// A store is a cache with a seqno. K1: a committed batch is whole or absent after a crash, together with its seqno.
// K2: keys order by unsigned bytes. K3: a value that does not match its checksum is Corruption, never returned.
// Threads: thread-safe; one writer at a time is enough for us and all that is promised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::storage {

/// Keys are 1 to this many bytes in every backend (LMDB's limit); values are any bytes.
inline constexpr std::size_t kKeyBytesMax = 511;

/// Puts and deletes that commit together; a later operation on the same key wins.
class WriteBatch {
 public:
  struct Operation {
    std::string key;
    std::optional<std::string> value;  ///< none: delete
  };
  void put(std::string key, std::string value) { operations_.push_back({std::move(key), std::move(value)}); }
  void erase(std::string key) { operations_.push_back({std::move(key), std::nullopt}); }
  void clear() { operations_.clear(); }
  [[nodiscard]] const std::vector<Operation>& operations() const { return operations_; }

 private:
  std::vector<Operation> operations_;
};

/// A consistent read-only state of the store; must not outlive it.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  /// The value, or nothing when the key is absent. IoError, Corruption.
  [[nodiscard]] virtual Result<std::optional<std::string>> get(std::string_view key) const = 0;
  /// Calls `visit` for every key with the prefix in ascending order until it returns false.
  [[nodiscard]] virtual Status scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
};

class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;
  [[nodiscard]] virtual Result<std::optional<std::string>> get(std::string_view key) const = 0;
  /// As Snapshot::scan, on the state at the call. `visit` must not call the store: a reader in a reader waits for ever
  /// when a writer has to wait for the outer one.
  [[nodiscard]] virtual Status scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<Snapshot>> snapshot() const = 0;
  /// Applies the batch and sets seqno() in one transaction (K1). Durable only after flush().
  /// InvalidArgument (key length), IoError, ResourceExhausted; nothing is applied then.
  [[nodiscard]] virtual Status commit(const WriteBatch& batch, SeqNo seqno) = 0;
  /// Makes every committed batch durable.
  [[nodiscard]] virtual Status flush() = 0;
  /// The seqno of the last committed batch; 0 for a new store.
  [[nodiscard]] virtual SeqNo seqno() const = 0;
  /// Removes everything, seqno included.
  [[nodiscard]] virtual Status clear() = 0;
  /// Makes the files anew from what is committed, durable: nothing that was replaced or deleted is left in them.
  /// Commits wait. Cost: reads and writes everything, and takes its space once more meanwhile. Unavailable while a
  /// Snapshot is open; IoError; ResourceExhausted; Corruption: the store is as it was.
  [[nodiscard]] virtual Status rewrite() = 0;
  /// Checks every value's checksum; Corruption names the first bad key.
  [[nodiscard]] virtual Status verify() const = 0;
};

enum class Backend : std::uint8_t { Lmdb, RocksDb, Memory };

/// Opens or creates a store at `path`. Only Memory goes through `fs`: it loads its last flushed state from one file
/// there and writes it whole on flush; with an empty path it keeps nothing.
[[nodiscard]] Result<std::unique_ptr<KeyValueStore>> open_store(Backend backend, base::FileSystem& fs,
                                                                const std::string& path);

}  // namespace tidal::storage
