// A store in RocksDB: values sealed in the default column family, the seqno in another, written in one batch.
//
// K1: both families share RocksDB's own log, so a batch is whole or absent; flush() syncs that log. Recovery stops at
// the first torn record (point in time), which leaves the state of an earlier commit, never a mixture.
// Threads: thread-safe.
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <cerrno>
#include <cstring>  // strerrordesc_np too, of glibc

#include "storage/backends.h"
#include "storage/sealed_value.h"

namespace tidal::storage {
namespace {

constexpr std::string_view kName = "rocksdb";
constexpr std::string_view kSeqnoKey = "seqno";
constexpr double kBloomBitsPerKey = 10;  // 1 % false positives

using Visit = std::function<bool(std::string_view, std::string_view)>;

rocksdb::Slice to_slice(std::string_view s) { return {s.data(), s.size()}; }
std::string_view to_view(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

/// RocksDB keeps of an error number only its text.
bool says(const std::string& text, int number) { return text.find(::strerrordesc_np(number)) != std::string::npos; }

Error rocksdb_error(const rocksdb::Status& status, std::string_view what) {
  Code code = Code::IoError;
  const std::string text = status.ToString();
  if (status.IsCorruption()) {
    code = Code::Corruption;
  } else if (status.IsNoSpace() || status.IsMemoryLimit() || says(text, EMFILE) || says(text, ENFILE)) {
    code = Code::ResourceExhausted;
  }
  return Error(code, "rocksdb " + std::string(what) + ": " + text);
}

Status checked(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return {};
  return rocksdb_error(status, what);
}

rocksdb::Options store_options() {
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.compression = rocksdb::kZSTD;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 2;
  return options;
}

class RocksDbStore final : public KeyValueStore {
 public:
  explicit RocksDbStore(std::string path) : path_(std::move(path)) {}
  ~RocksDbStore() override {
    if (db_ == nullptr) return;
    for (auto* family : families_) static_cast<void>(db_->DestroyColumnFamilyHandle(family));
    static_cast<void>(db_->Close());
  }
  RocksDbStore(const RocksDbStore&) = delete;
  RocksDbStore& operator=(const RocksDbStore&) = delete;

  Status open();

  Result<std::optional<std::string>> get(std::string_view key) const override { return get_in({}, values(), key); }
  Status scan(std::string_view prefix, const Visit& visit) const override { return scan_in({}, prefix, visit); }
  Result<std::unique_ptr<Snapshot>> snapshot() const override {
    return std::unique_ptr<Snapshot>(std::make_unique<View>(*this));
  }
  Status commit(const WriteBatch& batch, SeqNo seqno) override;
  Status flush() override { return checked(db_->SyncWAL(), "flush of " + path_); }
  // acquire: pairs with the release after a commit, so that the commit is visible to who sees its seqno.
  SeqNo seqno() const override { return SeqNo{seqno_.load(std::memory_order_acquire)}; }
  Status clear() override;
  Status rewrite() override;
  Status verify() const override {
    TIDAL_TRY(checked(db_->VerifyChecksum(), "verification of " + path_));
    return scan({}, [](std::string_view, std::string_view) { return true; });
  }

 private:
  class View final : public Snapshot {
   public:
    explicit View(const RocksDbStore& store) : store_(store), snapshot_(store.db_->GetSnapshot()) {}
    ~View() override { store_.db_->ReleaseSnapshot(snapshot_); }
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    Result<std::optional<std::string>> get(std::string_view key) const override {
      return store_.get_in(options(), store_.values(), key);
    }
    Status scan(std::string_view prefix, const Visit& visit) const override {
      return store_.scan_in(options(), prefix, visit);
    }

   private:
    [[nodiscard]] rocksdb::ReadOptions options() const {
      rocksdb::ReadOptions options;
      options.snapshot = snapshot_;
      return options;
    }
    const RocksDbStore& store_;
    const rocksdb::Snapshot* snapshot_;
  };

  [[nodiscard]] rocksdb::ColumnFamilyHandle* values() const { return families_[0]; }
  [[nodiscard]] rocksdb::ColumnFamilyHandle* meta() const { return families_[1]; }

  Result<std::optional<std::string>> get_in(const rocksdb::ReadOptions& options, rocksdb::ColumnFamilyHandle* family,
                                            std::string_view key) const;
  Status scan_in(const rocksdb::ReadOptions& options, std::string_view prefix, const Visit& visit) const;

  const std::string path_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;  // default, meta
  std::atomic<std::uint64_t> seqno_{0};
};

Status RocksDbStore::open() {
  const rocksdb::Options options = store_options();
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {{rocksdb::kDefaultColumnFamilyName, options},
                                                                 {"meta", rocksdb::ColumnFamilyOptions()}};
  rocksdb::DB* db = nullptr;
  TIDAL_TRY(checked(rocksdb::DB::Open(options, path_, families, &families_, &db), "open of " + path_));
  db_.reset(db);
  TIDAL_TRY_ASSIGN(const auto stored, get_in({}, meta(), kSeqnoKey));
  if (!stored) return {};
  std::uint64_t seqno = 0;
  if (stored->size() != sizeof seqno) {
    return Error(Code::Corruption,
                 "rocksdb store " + path_ + ": seqno of " + std::to_string(stored->size()) + " bytes, expected 8");
  }
  std::memcpy(&seqno, stored->data(), sizeof seqno);
  seqno_.store(seqno, std::memory_order_release);  // pairs with the acquire in seqno()
  return {};
}

Result<std::optional<std::string>> RocksDbStore::get_in(const rocksdb::ReadOptions& options,
                                                        rocksdb::ColumnFamilyHandle* family,
                                                        std::string_view key) const {
  TIDAL_TRY(check_key(key));
  rocksdb::PinnableSlice sealed;
  const rocksdb::Status status = db_->Get(options, family, to_slice(key), &sealed);
  if (status.IsNotFound()) return std::optional<std::string>{};
  if (!status.ok()) return rocksdb_error(status, "get from " + path_);
  TIDAL_TRY_ASSIGN(const std::string_view value, unseal_value(kName, key, to_view(sealed)));
  return std::optional<std::string>{value};
}

Status RocksDbStore::scan_in(const rocksdb::ReadOptions& options, std::string_view prefix, const Visit& visit) const {
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, values()));
  for (it->Seek(to_slice(prefix)); it->Valid(); it->Next()) {
    const std::string_view key = to_view(it->key());
    if (!key.starts_with(prefix)) break;
    TIDAL_TRY_ASSIGN(const std::string_view value, unseal_value(kName, key, to_view(it->value())));
    if (!visit(key, value)) break;
  }
  return checked(it->status(), "scan of " + path_);
}

Status RocksDbStore::commit(const WriteBatch& batch, SeqNo seqno) {
  rocksdb::WriteBatch writes;
  for (const auto& [key, value] : batch.operations()) {
    TIDAL_TRY(check_key(key));
    const rocksdb::Status status =
        value ? writes.Put(values(), to_slice(key), seal_value(key, *value)) : writes.Delete(values(), to_slice(key));
    TIDAL_TRY(checked(status, "commit to " + path_));
  }
  const std::string_view number(reinterpret_cast<const char*>(&seqno.value), sizeof seqno.value);
  TIDAL_TRY(checked(writes.Put(meta(), to_slice(kSeqnoKey), seal_value(kSeqnoKey, number)), "commit to " + path_));
  TIDAL_TRY(checked(db_->Write(rocksdb::WriteOptions(), &writes), "commit to " + path_));
  seqno_.store(seqno.value, std::memory_order_release);  // pairs with the acquire in seqno()
  return {};
}

Status RocksDbStore::clear() {
  rocksdb::WriteBatch writes;
  const std::string above_all(kKeyBytesMax + 1, '\xFF');
  TIDAL_TRY(checked(writes.DeleteRange(values(), "", above_all), "clear of " + path_));
  TIDAL_TRY(checked(writes.Delete(meta(), to_slice(kSeqnoKey)), "clear of " + path_));
  rocksdb::WriteOptions synced;
  synced.sync = true;
  TIDAL_TRY(checked(db_->Write(synced, &writes), "clear of " + path_));
  seqno_.store(0, std::memory_order_release);  // pairs with the acquire in seqno()
  return {};
}

/// Out of the log and the memory tables into files, then all of those into new ones without what was deleted.
Status RocksDbStore::rewrite() {
  TIDAL_TRY(checked(db_->Flush(rocksdb::FlushOptions(), families_), "rewrite of " + path_));
  rocksdb::CompactRangeOptions everything;
  everything.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    TIDAL_TRY(checked(db_->CompactRange(everything, family, nullptr, nullptr), "rewrite of " + path_));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<KeyValueStore>> open_rocksdb_store(const std::string& path) {
  TIDAL_TRY(base::posix_file_system().create_directories(path));
  auto store = std::make_unique<RocksDbStore>(path);
  TIDAL_TRY(store->open());
  return std::unique_ptr<KeyValueStore>(std::move(store));
}

}  // namespace tidal::storage
