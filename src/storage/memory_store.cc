// A store that is a sorted map in memory, optionally kept in one file that each flush replaces.
//
// File: magic u32, format u16, minimum reader u16; then seqno u64, count u64, count times (key string, value string)
// in key order; then XXH3-64 of it all (sealed_value.h, under the key "memory store").
// Threads: thread-safe; the map is immutable while a snapshot holds it (copied by the next commit).
#include <filesystem>
#include <map>

#include "base/coding.h"
#include "base/mutex.h"
#include "storage/backends.h"
#include "storage/sealed_value.h"

namespace tidal::storage {
namespace {

constexpr std::uint32_t kMagic = 0x564B4454;  // "TDKV"
constexpr std::uint16_t kFormat = 1;
constexpr std::string_view kName = "memory store";

using Map = std::map<std::string, std::string, std::less<>>;
using Visit = std::function<bool(std::string_view, std::string_view)>;

std::optional<std::string> get_from(const Map& map, std::string_view key) {
  const auto it = map.find(key);
  if (it == map.end()) return std::nullopt;
  return it->second;
}

void scan_of(const Map& map, std::string_view prefix, const Visit& visit) {
  for (auto it = map.lower_bound(prefix); it != map.end(); ++it) {
    if (!std::string_view(it->first).starts_with(prefix)) break;
    if (!visit(it->first, it->second)) break;
  }
}

std::string encode_file(SeqNo seqno, const Map& map) {
  base::Encoder out;
  out.u32(kMagic);
  out.u16(kFormat);
  out.u16(kFormat);
  out.u64(seqno.value);
  out.u64(map.size());
  for (const auto& [key, value] : map) {
    out.string(key);
    out.string(value);
  }
  return seal_value(kName, out.str());
}

struct Content {
  SeqNo seqno;
  Map map;
};

Error damaged(const std::string& path, std::string_view what) {
  return Error(Code::Corruption, "store file " + path + ": " + std::string(what));
}

Result<Content> decode_file(const std::string& path, std::string_view bytes) {
  base::Decoder header(bytes);
  if (header.u32() != kMagic) return damaged(path, "not a store file (magic)");
  const std::uint16_t format = header.u16();
  const std::uint16_t reader_min = header.u16();
  // Before the checksum: a later format may end otherwise.
  if (header.ok() && reader_min > kFormat) {
    return Error(Code::FailedPrecondition, "store file " + path + ": format " + std::to_string(format) +
                                               " needs reader " + std::to_string(reader_min) + ", this is reader " +
                                               std::to_string(kFormat));
  }
  TIDAL_TRY(unseal_value("file " + path, kName, bytes));
  base::Decoder in(header.rest().substr(0, header.rest().size() - kSealBytes));
  Content content;
  content.seqno = SeqNo{in.u64()};
  const std::uint64_t count = in.u64();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    std::string key(in.string());
    std::string value(in.string());
    if (i > 0 && content.map.rbegin()->first >= key) return damaged(path, "keys out of order");
    content.map.emplace_hint(content.map.end(), std::move(key), std::move(value));
  }
  if (!in.ok() || !in.at_end()) return damaged(path, "its count does not match its entries");
  return content;
}

class MemoryStore final : public KeyValueStore {
 public:
  MemoryStore(base::FileSystem& fs, std::string path, Content content)
      : fs_(fs), path_(std::move(path)), map_(std::make_shared<Map>(std::move(content.map))), seqno_(content.seqno) {}

  Result<std::optional<std::string>> get(std::string_view key) const override {
    TIDAL_TRY(check_key(key));
    base::MutexLock lock(mutex_);
    return get_from(*map_, key);
  }

  Status scan(std::string_view prefix, const Visit& visit) const override {
    // A snapshot, so that `visit` may call the store.
    const View view(*this);
    return view.scan(prefix, visit);
  }

  Result<std::unique_ptr<Snapshot>> snapshot() const override {
    return std::unique_ptr<Snapshot>(std::make_unique<View>(*this));
  }

  Status commit(const WriteBatch& batch, SeqNo seqno) override {
    for (const auto& operation : batch.operations()) TIDAL_TRY(check_key(operation.key));
    base::MutexLock lock(mutex_);
    // Snapshots let go under the lock, so a count of one means that nobody reads the map.
    if (map_.use_count() > 1) map_ = std::make_shared<Map>(*map_);
    for (const auto& [key, value] : batch.operations()) {
      if (value) {
        map_->insert_or_assign(key, *value);
      } else {
        map_->erase(key);
      }
    }
    seqno_ = seqno;
    return {};
  }

  Status flush() override {
    if (path_.empty()) return {};
    base::MutexLock one_at_a_time(flush_mutex_);
    std::string bytes;
    {
      base::MutexLock lock(mutex_);
      bytes = encode_file(seqno_, *map_);
    }
    return base::write_file_atomically(fs_, path_, bytes);
  }

  SeqNo seqno() const override {
    base::MutexLock lock(mutex_);
    return seqno_;
  }

  Status clear() override {
    {
      base::MutexLock lock(mutex_);
      map_ = std::make_shared<Map>();
      seqno_ = SeqNo{};
    }
    return flush();
  }

  /// The file was checked when it was loaded; memory holds nothing to check.
  Status rewrite() override { return flush(); }  // writes the whole file anew
  Status verify() const override { return {}; }

 private:
  class View final : public Snapshot {
   public:
    explicit View(const MemoryStore& store) : store_(store) {
      base::MutexLock lock(store_.mutex_);
      map_ = store_.map_;
    }
    ~View() override {
      base::MutexLock lock(store_.mutex_);
      map_.reset();
    }
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    Result<std::optional<std::string>> get(std::string_view key) const override {
      TIDAL_TRY(check_key(key));
      return get_from(*map_, key);
    }
    Status scan(std::string_view prefix, const Visit& visit) const override {
      scan_of(*map_, prefix, visit);
      return {};
    }

   private:
    const MemoryStore& store_;
    std::shared_ptr<const Map> map_;
  };

  base::FileSystem& fs_;
  const std::string path_;
  base::Mutex flush_mutex_;  // taken before mutex_
  mutable base::Mutex mutex_;
  std::shared_ptr<Map> map_ TIDAL_GUARDED_BY(mutex_);  // shared with the snapshots that still read it
  SeqNo seqno_ TIDAL_GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<KeyValueStore>> open_memory_store(base::FileSystem& fs, const std::string& path) {
  Content content;
  if (!path.empty() && fs.exists(path)) {
    const Result<std::string> bytes = base::read_file(fs, path);
    if (!bytes.ok()) return bytes.error();
    TIDAL_TRY_ASSIGN(content, decode_file(path, *bytes));
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (!folder.empty()) TIDAL_TRY(fs.create_directories(folder));
  return std::unique_ptr<KeyValueStore>(std::make_unique<MemoryStore>(fs, path, std::move(content)));
}

}  // namespace tidal::storage
