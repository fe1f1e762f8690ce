// The key-value stores of a database: caches in stores/ of what views keep outside of memory, each of one view.
//
// A store has a seqno of its own: views skip what it holds already, and one that is behind its view's image, or ahead
// of the log, cannot be used. One that is damaged is thrown away; what it held comes back from base and log.
// Threads: externally synchronized; the stores themselves as kv.h says.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "materializer/checkpoint.h"
#include "storage/kv.h"

namespace tidal::db {

/// What a store is called, in messages and on the disk.
struct StorePlace {
  std::string_view view;        ///< whose it is, and its name below stores/
  std::string_view title;       ///< in messages
  std::string_view dump;        ///< its file in a base
  storage::Backend production;  ///< unless stores go through the FileSystem
  /// Its view begins anew where the store is lost and nothing else can tell its past (M7).
  bool may_be_lost = false;
};

inline constexpr std::array<StorePlace, 2> kStores = {{
    {.view = "entities", .title = "entity store", .dump = "entity_fields", .production = storage::Backend::Lmdb},
    {.view = "rollups",
     .title = "store of histories",
     .dump = "rollup_blocks",
     .production = storage::Backend::RocksDb,
     .may_be_lost = true},
}};

/// Where the store lies in a data directory.
[[nodiscard]] std::string store_path(std::string_view directory, const StorePlace& place);

/// The seqno of a store that nobody has open, judged whole, whatever its backend; nothing where there is none or it
/// cannot tell. Writes nothing. Corruption; FailedPrecondition of a newer format; IoError. Cost: reads all of it.
[[nodiscard]] Result<std::optional<SeqNo>> read_store_seqno(base::FileSystem& fs, const std::string& directory,
                                                            const StorePlace& place);

class Stores {
 public:
  /// In memory: they keep nothing.
  Stores();

  enum class Files : std::uint8_t {
    Production,  ///< LMDB and RocksDB, on the disk
    Plain,       ///< one file of the FileSystem each, as tests need
    AsFound,     ///< of what lies there: directories are Production's
  };
  /// Opens or creates them. One that is damaged is removed and begins anew, which `notes` tells; without `notes` it is
  /// Corruption. IoError, ResourceExhausted; FailedPrecondition of a newer format.
  [[nodiscard]] static Result<Stores> open(base::FileSystem& fs, const std::string& directory, Files files,
                                           std::vector<std::string>* notes);

  [[nodiscard]] storage::KeyValueStore& entities() { return *stores_[0]; }
  [[nodiscard]] storage::KeyValueStore& rollups() { return *stores_[1]; }
  /// In the order of kStores.
  [[nodiscard]] storage::KeyValueStore& at(std::size_t i) { return *stores_[i]; }
  [[nodiscard]] const storage::KeyValueStore& at(std::size_t i) const { return *stores_[i]; }

  /// Whether there is nothing in any.
  [[nodiscard]] bool empty() const;
  /// Gives the store of histories away; an empty one in memory takes its place.
  [[nodiscard]] std::unique_ptr<storage::KeyValueStore> release_rollups();
  [[nodiscard]] Status clear();
  /// As KeyValueStore, of each.
  [[nodiscard]] Status rewrite();

  /// What a base holds beside the views' images. `fs` and this outlive the answer; `seqno` is the base's.
  [[nodiscard]] std::vector<materializer::StoreFile> dumps(base::FileSystem& fs, SeqNo seqno);

 private:
  std::array<std::unique_ptr<storage::KeyValueStore>, kStores.size()> stores_;
};

}  // namespace tidal::db
