// A store in RocksDB: the seqno in the default column family, sealed values in another, written in one batch.
//
// K1: both families share RocksDB's own log, so a batch is whole or absent; flush() syncs that log. Recovery stops at
// the first torn record (point in time), which leaves the state of an earlier commit, never a mixture.
// Clearing begins a new family of values and drops the old one with its files: deleting in place would leave damaged
// files to be read by the next compaction. Who still reads the old family keeps it. Without a seqno there are no
// values. Threads: thread-safe.
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>  // strerrordesc_np too, of glibc

#include "base/mutex.h"
#include "storage/backends.h"
#include "storage/sealed_value.h"

namespace tidal::storage {
namespace {

constexpr std::string_view kName = "rocksdb";
constexpr std::string_view kValuesFamily = "values";  // with a number: the highest one is in use
constexpr std::string_view kSeqnoKey = "seqno";
/// What is in a store of ours and how values are sealed, u32; RocksDB's files have versions of their own.
constexpr std::string_view kFormatKey = "format";
constexpr std::uint32_t kFormat = 1;
constexpr double kBloomBitsPerKey = 10;  // 1 % false positives

using Visit = std::function<bool(std::string_view, std::string_view)>;

rocksdb::Slice to_slice(std::string_view s) { return {s.data(), s.size()}; }
std::string_view to_view(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

/// RocksDB keeps of an error number only its text.
bool says(const std::string& text, int number) { return text.find(::strerrordesc_np(number)) != std::string::npos; }

Error rocksdb_error(const rocksdb::Status& status, std::string_view what) {
  Code code = Code::IoError;
  const std::string text = status.ToString();
  // A file that another one of the store names is not there.
  if (status.IsCorruption() || status.IsPathNotFound() || says(text, ENOENT)) {
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
  options.compression = rocksdb::kZSTD;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 2;
  return options;
}

template <class Number>
std::string_view bytes_of(const Number& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

class RocksDbStore final : public KeyValueStore {
 public:
  explicit RocksDbStore(std::string path) : path_(std::move(path)) {}
  ~RocksDbStore() override {
    if (db_ == nullptr) return;
    values_.reset();
    static_cast<void>(db_->Close());
  }
  RocksDbStore(const RocksDbStore&) = delete;
  RocksDbStore& operator=(const RocksDbStore&) = delete;

  enum class Access : std::uint8_t { Write, ReadOnly };
  Status open(Access access);

  Result<std::optional<std::string>> get(std::string_view key) const override { return get_in({}, *values(), key); }
  Status scan(std::string_view prefix, const Visit& visit) const override {
    return scan_in({}, *values(), prefix, visit);
  }
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
    TIDAL_TRY(verify_blocks());
    return scan({}, [](std::string_view, std::string_view) { return true; });
  }
  /// Of RocksDB's files, not of our values.
  Status verify_blocks() const { return checked(db_->VerifyChecksum(), "verification of " + path_); }

 private:
  /// shared: readers keep a family that clear() drops.
  using Family = std::shared_ptr<rocksdb::ColumnFamilyHandle>;

  class View final : public Snapshot {
   public:
    explicit View(const RocksDbStore& store)
        : store_(store), values_(store.values()), snapshot_(store.db_->GetSnapshot()) {
      ++store_.views_;
    }
    ~View() override {
      store_.db_->ReleaseSnapshot(snapshot_);
      --store_.views_;
    }
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    Result<std::optional<std::string>> get(std::string_view key) const override {
      return store_.get_in(options(), *values_, key);
    }
    Status scan(std::string_view prefix, const Visit& visit) const override {
      return store_.scan_in(options(), *values_, prefix, visit);
    }

   private:
    [[nodiscard]] rocksdb::ReadOptions options() const {
      rocksdb::ReadOptions options;
      options.snapshot = snapshot_;
      return options;
    }
    const RocksDbStore& store_;
    const Family values_;
    const rocksdb::Snapshot* snapshot_;
  };

  [[nodiscard]] Family values() const {
    const base::MutexLock lock(mutex_);
    return values_;
  }
  [[nodiscard]] Family owned(rocksdb::ColumnFamilyHandle* family) const {
    return {family, [this](rocksdb::ColumnFamilyHandle* f) { static_cast<void>(db_->DestroyColumnFamilyHandle(f)); }};
  }
  Status begin_values();

  Result<std::optional<std::string>> get_in(const rocksdb::ReadOptions& options, rocksdb::ColumnFamilyHandle& family,
                                            std::string_view key) const;
  Status scan_in(const rocksdb::ReadOptions& options, rocksdb::ColumnFamilyHandle& family, std::string_view prefix,
                 const Visit& visit) const;
  /// An entry of the default family, 0 when it is not there.
  template <class Number>
  Result<Number> read_meta(std::string_view key) const;

  const std::string path_;
  std::unique_ptr<rocksdb::DB> db_;
  mutable base::Mutex mutex_;
  Family values_ TIDAL_GUARDED_BY(mutex_);
  std::uint64_t number_ = 0;  // of the family of values; the writer's
  mutable std::atomic<int> views_{0};
  std::atomic<std::uint64_t> seqno_{0};
};

template <class Number>
Result<Number> RocksDbStore::read_meta(std::string_view key) const {
  Number number = 0;
  TIDAL_TRY_ASSIGN(const auto stored, get_in({}, *db_->DefaultColumnFamily(), key));
  if (!stored) return number;
  if (stored->size() != sizeof number) {
    return Error(Code::Corruption, "rocksdb store " + path_ + ": " + std::string(key) + " of " +
                                       std::to_string(stored->size()) + " bytes, expected " +
                                       std::to_string(sizeof number));
  }
  std::memcpy(&number, stored->data(), sizeof number);
  return number;
}

/// The numbers of the families of values, ascending; none where there is no store.
std::vector<std::uint64_t> numbers_of_values(const rocksdb::Options& options, const std::string& path) {
  std::vector<std::string> names;
  std::vector<std::uint64_t> numbers;
  if (!rocksdb::DB::ListColumnFamilies(options, path, &names).ok()) return numbers;
  for (const std::string& name : names) {
    std::uint64_t number = 0;
    if (!name.starts_with(kValuesFamily)) continue;
    std::from_chars(name.data() + kValuesFamily.size(), name.data() + name.size(), number);
    numbers.push_back(number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

std::string family_name(std::uint64_t number) { return std::string(kValuesFamily) + std::to_string(number); }

Status RocksDbStore::open(Access access) {
  const rocksdb::Options options = store_options();
  const std::vector<std::uint64_t> numbers = numbers_of_values(options, path_);
  std::vector<rocksdb::ColumnFamilyDescriptor> families = {{rocksdb::kDefaultColumnFamilyName, {}}};
  for (const std::uint64_t number : numbers) families.emplace_back(family_name(number), options);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = access == Access::Write
                                     ? rocksdb::DB::Open(options, path_, families, &handles, &db)
                                     : rocksdb::DB::OpenForReadOnly(options, path_, families, &handles, &db);
  TIDAL_TRY(checked(opened, "open of " + path_));
  db_.reset(db);
  static_cast<void>(db_->DestroyColumnFamilyHandle(handles.front()));  // the default one has a handle of its own
  std::vector<Family> found;
  for (std::size_t i = 1; i < handles.size(); ++i) found.push_back(owned(handles[i]));
  TIDAL_TRY_ASSIGN(const std::uint32_t format, read_meta<std::uint32_t>(kFormatKey));
  if (format > kFormat) {
    return Error(Code::FailedPrecondition, "rocksdb store " + path_ + ": format " + std::to_string(format) +
                                               ", this program reads up to " + std::to_string(kFormat));
  }
  if (!found.empty()) {
    const base::MutexLock lock(mutex_);
    values_ = found.back();
    number_ = numbers.back();
    found.pop_back();
  }
  for (const Family& left : found) {  // of a clear that a crash cut off
    if (access == Access::Write) TIDAL_TRY(checked(db_->DropColumnFamily(left.get()), "clear of " + path_));
  }
  TIDAL_TRY_ASSIGN(const std::uint64_t seqno, read_meta<std::uint64_t>(kSeqnoKey));
  seqno_.store(seqno, std::memory_order_release);  // pairs with the acquire in seqno()
  if (access == Access::Write && (seqno == 0 || numbers.empty())) return begin_values();
  if (numbers.empty()) return Error(Code::NotFound, "there is no rocksdb store at " + path_);
  return {};
}

/// An empty family of values in place of the one there is, which goes with its files.
Status RocksDbStore::begin_values() {
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  TIDAL_TRY(checked(db_->CreateColumnFamily(store_options(), family_name(number_ + 1), &handle), "clear of " + path_));
  ++number_;
  Family old = owned(handle);
  {
    const base::MutexLock lock(mutex_);
    old.swap(values_);
  }
  return old ? checked(db_->DropColumnFamily(old.get()), "clear of " + path_) : Status();
}

Result<std::optional<std::string>> RocksDbStore::get_in(const rocksdb::ReadOptions& options,
                                                        rocksdb::ColumnFamilyHandle& family,
                                                        std::string_view key) const {
  TIDAL_TRY(check_key(key));
  rocksdb::PinnableSlice sealed;
  const rocksdb::Status status = db_->Get(options, &family, to_slice(key), &sealed);
  if (status.IsNotFound()) return std::optional<std::string>{};
  if (!status.ok()) return rocksdb_error(status, "get from " + path_);
  TIDAL_TRY_ASSIGN(const std::string_view value, unseal_value(kName, key, to_view(sealed)));
  return std::optional<std::string>{value};
}

Status RocksDbStore::scan_in(const rocksdb::ReadOptions& options, rocksdb::ColumnFamilyHandle& family,
                             std::string_view prefix, const Visit& visit) const {
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, &family));
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
  const Family family = values();
  for (const auto& [key, value] : batch.operations()) {
    TIDAL_TRY(check_key(key));
    const rocksdb::Status status = value ? writes.Put(family.get(), to_slice(key), seal_value(key, *value))
                                         : writes.Delete(family.get(), to_slice(key));
    TIDAL_TRY(checked(status, "commit to " + path_));
  }
  for (const auto& [key, number] : {std::pair(kSeqnoKey, bytes_of(seqno.value)), {kFormatKey, bytes_of(kFormat)}}) {
    TIDAL_TRY(checked(writes.Put(to_slice(key), seal_value(key, number)), "commit to " + path_));
  }
  TIDAL_TRY(checked(db_->Write(rocksdb::WriteOptions(), &writes), "commit to " + path_));
  seqno_.store(seqno.value, std::memory_order_release);  // pairs with the acquire in seqno()
  return {};
}

Status RocksDbStore::clear() {
  rocksdb::WriteOptions synced;
  synced.sync = true;
  TIDAL_TRY(checked(db_->Delete(synced, to_slice(kSeqnoKey)), "clear of " + path_));
  seqno_.store(0, std::memory_order_release);  // pairs with the acquire in seqno()
  return begin_values();
}

/// Out of the log and the memory tables into files, then all of those into new ones without what was deleted.
Status RocksDbStore::rewrite() {
  // A compaction would keep what the snapshot still sees.
  if (views_ != 0) return Error(Code::Unavailable, "rewrite of " + path_ + ": somebody is reading a snapshot");
  const Family values = this->values();
  const std::vector<rocksdb::ColumnFamilyHandle*> families = {db_->DefaultColumnFamily(), values.get()};
  TIDAL_TRY(checked(db_->Flush(rocksdb::FlushOptions(), families), "rewrite of " + path_));
  rocksdb::CompactRangeOptions everything;
  everything.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  for (rocksdb::ColumnFamilyHandle* family : families) {
    TIDAL_TRY(checked(db_->CompactRange(everything, family, nullptr, nullptr), "rewrite of " + path_));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<KeyValueStore>> open_rocksdb_store(const std::string& path) {
  if (base::posix_file_system().exists(path) && !base::posix_file_system().is_directory(path)) {
    return Error(Code::Corruption, "rocksdb store " + path + ": it is no directory");
  }
  TIDAL_TRY(base::posix_file_system().create_directories(path));
  auto store = std::make_unique<RocksDbStore>(path);
  TIDAL_TRY(store->open(RocksDbStore::Access::Write));
  return std::unique_ptr<KeyValueStore>(std::move(store));
}

Result<RocksDbSummary> check_rocksdb_store(const std::string& path) {
  if (!base::posix_file_system().exists(path + "/CURRENT")) {
    return Error(Code::NotFound, "there is no rocksdb store at " + path);
  }
  RocksDbStore store(path);
  TIDAL_TRY(store.open(RocksDbStore::Access::ReadOnly));
  TIDAL_TRY(store.verify_blocks());
  RocksDbSummary summary{.seqno = store.seqno()};
  TIDAL_TRY(store.scan({}, [&summary](std::string_view, std::string_view) {
    ++summary.values;
    return true;
  }));
  return summary;
}

}  // namespace tidal::storage
