// A store in LMDB: values sealed in one named table, the seqno in another, committed together.
//
// K1: LMDB writes new pages beside the old ones, syncs them, then switches the root. MDB_NOMETASYNC leaves the sync of
// the root to flush(); a crash then undoes the last commit but breaks nothing. MDB_NOSYNC could break it: not used.
// Growth: the map must not move under a reader, so every read counts itself in, and a larger map waits for them.
// K3: opening reads the file once and judges every page and value (lmdb_file.h) before LMDB may follow them.
// Rewrite: LMDB zeroes neither free pages nor what is free inside a page, and its own compacting copy takes the latter
// along. So the pairs go into a new file one by one, which replaces the old one by rename; readers then go on in it.
// Threads: thread-safe; readers never wait for a commit, only for a moving map. One commit at a time.
#include <lmdb.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/mutex.h"
#include "base/system_error.h"
#include "storage/backends.h"
#include "storage/lmdb_file.h"
#include "storage/sealed_value.h"

namespace tidal::storage {
namespace {

constexpr std::string_view kName = "lmdb";
constexpr std::string_view kSeqnoKey = "seqno";
constexpr std::string_view kFresh = ".fresh";  // behind the directory's name: where a rewrite makes the new file
constexpr unsigned kReadersMax = 1024;  // slots of the reader table; each concurrent reader and snapshot needs one
constexpr std::size_t kMapGrainBytes = std::size_t{1} << 20;

using Visit = std::function<bool(std::string_view, std::string_view)>;

Error lmdb_error(int rc, std::string_view what) {
  Code code = Code::IoError;
  if (rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH) {
    code = Code::Corruption;
  } else if (rc == MDB_READERS_FULL || rc == MDB_MAP_FULL) {
    code = Code::ResourceExhausted;
  } else if (const Code told = base::code_of_errno(rc);
             told == Code::ResourceExhausted || told == Code::PermissionDenied) {
    code = told;  // LMDB's own codes are negative
  }
  std::string message = "lmdb " + std::string(what) + ": " + mdb_strerror(rc);
  // What fails is mostly the mapping of the file, which takes addresses and hardly any memory.
  if (rc == ENOMEM) message += " (address space for the map of the file, which ulimit -v limits, or memory)";
  return Error(code, std::move(message));
}

#define TIDAL_LMDB_TRY(call, what)                                       \
  do {                                                                   \
    if (const int lmdb_rc = (call); lmdb_rc != MDB_SUCCESS) [[unlikely]] \
      return lmdb_error(lmdb_rc, what);                                  \
  } while (false)

MDB_val to_val(std::string_view s) { return MDB_val{s.size(), const_cast<char*>(s.data())}; }
std::string_view to_view(const MDB_val& v) { return {static_cast<const char*>(v.mv_data), v.mv_size}; }

/// Aborts the transaction unless it was handed over.
class Transaction {
 public:
  explicit Transaction(MDB_txn* txn) : txn_(txn) {}
  ~Transaction() {
    if (txn_ != nullptr) mdb_txn_abort(txn_);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  [[nodiscard]] MDB_txn* get() const { return txn_; }
  [[nodiscard]] MDB_txn* release() { return std::exchange(txn_, nullptr); }

 private:
  MDB_txn* txn_;
};

class Cursor {
 public:
  Cursor() = default;
  ~Cursor() {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  MDB_cursor*& raw() { return cursor_; }

 private:
  MDB_cursor* cursor_ = nullptr;
};

Result<std::optional<std::string>> get_in(MDB_txn* txn, MDB_dbi table, std::string_view key) {
  MDB_val k = to_val(key);
  MDB_val v{};
  const int rc = mdb_get(txn, table, &k, &v);
  if (rc == MDB_NOTFOUND) return std::optional<std::string>{};
  if (rc != MDB_SUCCESS) return lmdb_error(rc, "get");
  TIDAL_TRY_ASSIGN(const std::string_view value, unseal_value(kName, key, to_view(v)));
  return std::optional<std::string>{value};
}

Status scan_in(MDB_txn* txn, MDB_dbi table, std::string_view prefix, const Visit& visit) {
  Cursor cursor;
  TIDAL_LMDB_TRY(mdb_cursor_open(txn, table, &cursor.raw()), "scan");
  MDB_val k = to_val(prefix);
  MDB_val v{};
  int rc = mdb_cursor_get(cursor.raw(), &k, &v, prefix.empty() ? MDB_FIRST : MDB_SET_RANGE);
  for (; rc == MDB_SUCCESS; rc = mdb_cursor_get(cursor.raw(), &k, &v, MDB_NEXT)) {
    const std::string_view key = to_view(k);
    if (!key.starts_with(prefix)) return {};
    TIDAL_TRY_ASSIGN(const std::string_view value, unseal_value(kName, key, to_view(v)));
    if (!visit(key, value)) return {};
  }
  if (rc == MDB_NOTFOUND) return {};
  return lmdb_error(rc, "scan");
}

/// Neighbours in the tree one after another: a large batch then touches each page once. Operations on one key keep
/// their order.
std::vector<const WriteBatch::Operation*> in_key_order(const WriteBatch& batch) {
  std::vector<const WriteBatch::Operation*> operations;
  operations.reserve(batch.operations().size());
  for (const auto& operation : batch.operations()) operations.push_back(&operation);
  std::ranges::stable_sort(operations, {}, [](const auto* operation) -> const std::string& { return operation->key; });
  return operations;
}

class LmdbStore final : public KeyValueStore {
 public:
  explicit LmdbStore(std::string path) : path_(std::move(path)) {}
  ~LmdbStore() override {
    if (env_ == nullptr) return;
    for (MDB_txn* txn : idle_readers_) mdb_txn_abort(txn);
    mdb_env_close(env_);
  }
  LmdbStore(const LmdbStore&) = delete;
  LmdbStore& operator=(const LmdbStore&) = delete;

  Status open(LmdbOptions options);

  Result<std::optional<std::string>> get(std::string_view key) const override {
    TIDAL_TRY(check_key(key));
    TIDAL_TRY_ASSIGN(const Reader reader, Reader::begin(*this));
    return get_in(reader.txn(), values_, key);
  }
  Status scan(std::string_view prefix, const Visit& visit) const override {
    TIDAL_TRY_ASSIGN(const Reader reader, Reader::begin(*this));
    return scan_in(reader.txn(), values_, prefix, visit);
  }
  Result<std::unique_ptr<Snapshot>> snapshot() const override {
    TIDAL_TRY_ASSIGN(Reader reader, Reader::begin(*this));
    return std::unique_ptr<Snapshot>(std::make_unique<View>(*this, std::move(reader)));
  }

  Status commit(const WriteBatch& batch, SeqNo seqno) override;
  Status flush() override {
    base::MutexLock writing(write_mutex_);
    TIDAL_LMDB_TRY(mdb_env_sync(env_, 1), "flush of " + path_);
    return {};
  }
  // acquire: pairs with the release after a commit, so that the commit is visible to who sees its seqno.
  SeqNo seqno() const override { return SeqNo{seqno_.load(std::memory_order_acquire)}; }
  Status clear() override;
  Status rewrite() override;
  Status verify() const override {
    return scan({}, [](std::string_view, std::string_view) { return true; });
  }

 private:
  /// A read transaction taken from the store's idle ones and given back: beginning a new one takes a lock that all
  /// processes share.
  class Reader {
   public:
    static Result<Reader> begin(const LmdbStore& store) {
      MDB_txn* txn = store.enter();
      const int rc = txn == nullptr ? mdb_txn_begin(store.env_, nullptr, MDB_RDONLY, &txn) : mdb_txn_renew(txn);
      if (rc != MDB_SUCCESS) {
        store.leave(nullptr);
        return lmdb_error(rc, "read of " + store.path_);
      }
      return Reader(store, txn);
    }
    Reader(Reader&& other) noexcept : store_(other.store_), txn_(std::exchange(other.txn_, nullptr)) {}
    Reader& operator=(Reader&&) = delete;
    ~Reader() {
      if (txn_ == nullptr) return;
      mdb_txn_reset(txn_);
      store_->leave(txn_);
    }
    [[nodiscard]] MDB_txn* txn() const { return txn_; }

   private:
    Reader(const LmdbStore& store, MDB_txn* txn) : store_(&store), txn_(txn) {}
    const LmdbStore* store_;
    MDB_txn* txn_;
  };

  class View final : public Snapshot {
   public:
    View(const LmdbStore& store, Reader reader) : store_(store), reader_(std::move(reader)) {
      base::MutexLock lock(store_.mutex_);
      ++store_.snapshots_;
      if (store_.map_moving_) store_.map_moved_.notify_all();
    }
    ~View() override {
      base::MutexLock lock(store_.mutex_);
      --store_.snapshots_;
    }
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    Result<std::optional<std::string>> get(std::string_view key) const override {
      TIDAL_TRY(check_key(key));
      return get_in(reader_.txn(), store_.values_, key);
    }
    Status scan(std::string_view prefix, const Visit& visit) const override {
      return scan_in(reader_.txn(), store_.values_, prefix, visit);
    }

   private:
    const LmdbStore& store_;
    Reader reader_;
  };

  /// Counts a reader in; an idle transaction, or nullptr when there is none.
  MDB_txn* enter() const {
    base::MutexLock lock(mutex_);
    while (map_moving_) map_moved_.wait(mutex_);
    ++readers_;
    if (idle_readers_.empty()) return nullptr;
    MDB_txn* txn = idle_readers_.back();
    idle_readers_.pop_back();
    return txn;
  }
  void leave(MDB_txn* idle) const {
    base::MutexLock lock(mutex_);
    if (idle != nullptr) idle_readers_.push_back(idle);
    if (--readers_ == 0 && map_moving_) map_moved_.notify_all();
  }

  /// One try at a transaction: MDB_SUCCESS, or the code of what failed, with nothing applied.
  int try_commit(const WriteBatch& batch, SeqNo seqno);
  int try_clear();
  int fill(MDB_txn* txn, const WriteBatch& batch, SeqNo seqno) const;
  Status double_map();
  /// Puts every pair and the seqno into a store that is empty.
  Status copy_into(LmdbStore& fresh) const;
  Status replace_by_copy(const std::string& aside);
  /// Keeps readers out and waits for those inside; false: there are snapshots, which may stay.
  bool stop_readers() TIDAL_REQUIRES(mutex_);
  void let_readers_in() TIDAL_REQUIRES(mutex_);
  [[nodiscard]] int file_descriptor() const;
  [[nodiscard]] std::optional<off_t> file_length() const;
  [[nodiscard]] bool is_disk_full() const;

  const std::string path_;
  base::Mutex write_mutex_;  // taken before mutex_: one commit, flush or rewrite at a time
  // Replaced by rewrite() with write_mutex_ held and no reader inside.
  MDB_env* env_ = nullptr;
  MDB_dbi values_ = 0;
  MDB_dbi meta_ = 0;
  std::size_t map_bytes_ = 0;

  mutable base::Mutex mutex_;
  mutable base::CondVar map_moved_;
  mutable std::vector<MDB_txn*> idle_readers_ TIDAL_GUARDED_BY(mutex_);
  mutable int readers_ TIDAL_GUARDED_BY(mutex_) = 0;    // snapshots among them
  mutable int snapshots_ TIDAL_GUARDED_BY(mutex_) = 0;  // may live as long as their owner likes
  bool map_moving_ TIDAL_GUARDED_BY(mutex_) = false;
  std::atomic<std::uint64_t> seqno_{0};
};

/// LMDB trusts the pages it maps: one that is damaged would end the process.
Status check_pages(base::FileSystem& fs, const std::string& path) {
  if (!fs.exists(path)) return {};
  {
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
    TIDAL_TRY_ASSIGN(const std::uint64_t bytes, file->size());
    if (bytes == 0) return {};  // made, but never written: LMDB begins it anew
  }
  TIDAL_TRY(check_lmdb_file(fs, path));
  return {};
}

Status LmdbStore::open(LmdbOptions options) {
  TIDAL_LMDB_TRY(mdb_env_create(&env_), "open of " + path_);
  TIDAL_LMDB_TRY(mdb_env_set_maxdbs(env_, 2), "open of " + path_);
  TIDAL_LMDB_TRY(mdb_env_set_maxreaders(env_, kReadersMax), "open of " + path_);
  TIDAL_LMDB_TRY(mdb_env_set_mapsize(env_, options.map_bytes), "open of " + path_);
  // MDB_NOTLS: a transaction belongs to whoever holds it, not to the thread that began it.
  TIDAL_LMDB_TRY(mdb_env_open(env_, path_.c_str(), MDB_NOTLS | MDB_NOMETASYNC | MDB_NORDAHEAD, 0600),
                 "open of " + path_ + " with a map of " + std::to_string(options.map_bytes >> 20) + " MiB");
  MDB_envinfo info{};
  TIDAL_LMDB_TRY(mdb_env_info(env_, &info), "open of " + path_);
  map_bytes_ = info.me_mapsize;

  MDB_txn* raw = nullptr;
  TIDAL_LMDB_TRY(mdb_txn_begin(env_, nullptr, 0, &raw), "open of " + path_);
  Transaction txn(raw);
  TIDAL_LMDB_TRY(mdb_dbi_open(txn.get(), "values", MDB_CREATE, &values_), "open of " + path_);
  TIDAL_LMDB_TRY(mdb_dbi_open(txn.get(), "meta", MDB_CREATE, &meta_), "open of " + path_);
  TIDAL_TRY_ASSIGN(const auto stored, get_in(txn.get(), meta_, kSeqnoKey));
  if (stored && stored->size() != sizeof(std::uint64_t)) {
    return Error(Code::Corruption, "lmdb store " + path_ + ": seqno of " + std::to_string(stored->size()) + " bytes");
  }
  std::uint64_t seqno = 0;
  if (stored) std::memcpy(&seqno, stored->data(), sizeof seqno);
  TIDAL_LMDB_TRY(mdb_txn_commit(txn.release()), "open of " + path_);
  seqno_.store(seqno, std::memory_order_release);  // pairs with the acquire in seqno()
  return {};
}

int LmdbStore::fill(MDB_txn* txn, const WriteBatch& batch, SeqNo seqno) const {
  for (const WriteBatch::Operation* operation : in_key_order(batch)) {
    const auto& [key, value] = *operation;
    MDB_val k = to_val(key);
    if (value) {
      const std::string sealed = seal_value(key, *value);
      MDB_val v = to_val(sealed);
      if (const int rc = mdb_put(txn, values_, &k, &v, 0); rc != MDB_SUCCESS) return rc;
    } else if (const int rc = mdb_del(txn, values_, &k, nullptr); rc != MDB_SUCCESS && rc != MDB_NOTFOUND) {
      return rc;
    }
  }
  const auto put_meta = [&](std::string_view key, const auto& number) {
    const std::string sealed = seal_value(key, {reinterpret_cast<const char*>(&number), sizeof number});
    MDB_val k = to_val(key);
    MDB_val v = to_val(sealed);
    return mdb_put(txn, meta_, &k, &v, 0);
  };
  const int rc = put_meta(kLmdbFormatKey, kLmdbStoreFormat);
  return rc != MDB_SUCCESS ? rc : put_meta(kSeqnoKey, seqno.value);
}

int LmdbStore::try_commit(const WriteBatch& batch, SeqNo seqno) {
  MDB_txn* raw = nullptr;
  if (const int rc = mdb_txn_begin(env_, nullptr, 0, &raw); rc != MDB_SUCCESS) return rc;
  Transaction txn(raw);
  if (const int rc = fill(txn.get(), batch, seqno); rc != MDB_SUCCESS) return rc;
  return mdb_txn_commit(txn.release());
}

int LmdbStore::file_descriptor() const {
  int fd = -1;
  return mdb_env_get_fd(env_, &fd) == MDB_SUCCESS ? fd : -1;
}

std::optional<off_t> LmdbStore::file_length() const {
  struct stat st {};
  return fstat(file_descriptor(), &st) == 0 ? std::optional(st.st_size) : std::nullopt;
}

/// Less is left than a commit may need to write at once.
bool LmdbStore::is_disk_full() const {
  constexpr std::uint64_t kLeftAtLeast = std::uint64_t{1} << 20;
  struct statvfs disk {};
  return fstatvfs(file_descriptor(), &disk) == 0 && std::uint64_t{disk.f_bavail} * disk.f_frsize < kLeftAtLeast;
}

Status LmdbStore::commit(const WriteBatch& batch, SeqNo seqno) {
  for (const auto& operation : batch.operations()) TIDAL_TRY(check_key(operation.key));
  base::MutexLock writing(write_mutex_);
  const std::optional<off_t> length = file_length();
  int rc = try_commit(batch, seqno);
  while (rc == MDB_MAP_FULL) {
    TIDAL_TRY(double_map());
    rc = try_commit(batch, seqno);
  }
  if (rc == EIO && is_disk_full()) rc = ENOSPC;  // LMDB calls a write that was cut short an I/O error
  if (rc != MDB_SUCCESS) {
    // What the transaction wrote behind the committed pages belongs to nobody: a full disk gets it back.
    if (length) static_cast<void>(ftruncate(file_descriptor(), *length));
    return lmdb_error(rc, "commit to " + path_);
  }
  seqno_.store(seqno.value, std::memory_order_release);  // pairs with the acquire in seqno()
  return {};
}

Status LmdbStore::double_map() {
  base::MutexLock lock(mutex_);
  if (!stop_readers()) {
    return Error(Code::Unavailable, "lmdb store " + path_ + " must grow above " + std::to_string(map_bytes_) +
                                        " bytes and " + std::to_string(snapshots_) + " snapshots are open");
  }
  const std::size_t wanted = (map_bytes_ * 2 + kMapGrainBytes - 1) / kMapGrainBytes * kMapGrainBytes;
  const int rc = mdb_env_set_mapsize(env_, wanted);
  if (rc == MDB_SUCCESS) map_bytes_ = wanted;
  let_readers_in();
  if (rc != MDB_SUCCESS) return lmdb_error(rc, "growth of " + path_);
  return {};
}

bool LmdbStore::stop_readers() {
  map_moving_ = true;
  while (readers_ > 0 && snapshots_ == 0) map_moved_.wait(mutex_);
  if (snapshots_ == 0) return true;
  // Waiting could last for ever: the snapshot may be the calling thread's own.
  let_readers_in();
  return false;
}

void LmdbStore::let_readers_in() {
  map_moving_ = false;
  map_moved_.notify_all();
}

Status LmdbStore::copy_into(LmdbStore& fresh) const {
  constexpr std::size_t kBatchBytes = std::size_t{16} << 20;
  WriteBatch batch;
  std::size_t bytes = 0;
  Status copied;
  TIDAL_TRY(scan({}, [&](std::string_view key, std::string_view value) {
    batch.put(std::string(key), std::string(value));
    bytes += key.size() + value.size();
    if (bytes < kBatchBytes) return true;
    copied = fresh.commit(batch, SeqNo{});
    batch.clear();
    bytes = 0;
    return copied.ok();
  }));
  TIDAL_TRY(std::move(copied));
  TIDAL_TRY(fresh.commit(batch, seqno()));
  return fresh.flush();
}

Status LmdbStore::rewrite() {
  base::FileSystem& fs = base::posix_file_system();
  base::MutexLock writing(write_mutex_);
  const std::string aside = path_ + std::string(kFresh);
  TIDAL_TRY(fs.remove_all(aside));
  TIDAL_TRY(fs.create_directories(aside));
  Status replaced = replace_by_copy(aside);
  Status removed = fs.remove_all(aside);  // also of a failure: a full disk must not stay full of attempts
  return replaced.ok() ? std::move(removed) : std::move(replaced);
}

/// Makes the file anew in the directory `aside`, and goes on in it.
Status LmdbStore::replace_by_copy(const std::string& aside) {
  LmdbStore fresh(aside);
  TIDAL_TRY(fresh.open({.map_bytes = map_bytes_}));
  TIDAL_TRY(copy_into(fresh));
  base::FileSystem& fs = base::posix_file_system();
  base::MutexLock lock(mutex_);
  if (!stop_readers()) return Error(Code::Unavailable, "lmdb store " + path_ + ": a snapshot is open");
  Status renamed = fs.rename(aside + "/data.mdb", path_ + "/data.mdb");
  if (renamed.ok()) {
    for (MDB_txn* txn : idle_readers_) mdb_txn_abort(txn);
    idle_readers_.clear();
    // The fresh environment has its file open and follows it to its new name.
    std::swap(env_, fresh.env_);
    std::swap(values_, fresh.values_);
    std::swap(meta_, fresh.meta_);
    std::swap(map_bytes_, fresh.map_bytes_);
  }
  let_readers_in();
  TIDAL_TRY(std::move(renamed));
  return fs.sync_directory(path_);
}

int LmdbStore::try_clear() {
  MDB_txn* raw = nullptr;
  if (const int rc = mdb_txn_begin(env_, nullptr, 0, &raw); rc != MDB_SUCCESS) return rc;
  Transaction txn(raw);
  for (const MDB_dbi table : {values_, meta_}) {
    if (const int rc = mdb_drop(txn.get(), table, 0); rc != MDB_SUCCESS) return rc;
  }
  return mdb_txn_commit(txn.release());
}

Status LmdbStore::clear() {
  base::MutexLock writing(write_mutex_);
  int rc = try_clear();
  while (rc == MDB_MAP_FULL) {  // the list of free pages needs pages itself
    TIDAL_TRY(double_map());
    rc = try_clear();
  }
  if (rc != MDB_SUCCESS) return lmdb_error(rc, "clear of " + path_);
  seqno_.store(0, std::memory_order_release);  // pairs with the acquire in seqno()
  TIDAL_LMDB_TRY(mdb_env_sync(env_, 1), "clear of " + path_);
  return {};
}

}  // namespace

Result<std::unique_ptr<KeyValueStore>> open_lmdb_store(const std::string& path, LmdbOptions options) {
  base::FileSystem& fs = base::posix_file_system();
  TIDAL_TRY(check_pages(fs, path + "/data.mdb"));  // before any write
  TIDAL_TRY(fs.create_directories(path));
  TIDAL_TRY(fs.remove_all(path + std::string(kFresh)));  // left by a rewrite that was interrupted
  auto store = std::make_unique<LmdbStore>(path);
  TIDAL_TRY(store->open(options));
  TIDAL_TRY(fs.sync_directory(path));  // LMDB syncs its file, not the file's name
  return std::unique_ptr<KeyValueStore>(std::move(store));
}

}  // namespace tidal::storage
