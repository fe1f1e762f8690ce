// Runs are written once, read front to back, and merged by a scan over their fronts (there are few).
#include "cli/import/sorter.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "base/coding.h"

namespace tidal::cli {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{4} << 20;
constexpr std::size_t kRunBlockBytes = std::size_t{1} << 20;
constexpr std::size_t kHeaderBytes = 16;  // section u32, time i64, length u32

}  // namespace

/// A sorted run on disk: (key, length, bytes) again and again.
class Sorter::Run {
 public:
  Run(std::unique_ptr<base::File> file) : file_(std::move(file)) {}

  Status append(SortKey key, std::string_view bytes) {
    base::Encoder header;
    header.u32(key.section);
    header.i64(key.time);
    header.u32(static_cast<std::uint32_t>(bytes.size()));
    block_.append(header.str()).append(bytes);
    return block_.size() < kRunBlockBytes ? Status() : flush();
  }
  Status flush() {
    TIDAL_TRY(file_->write_at(size_, base::as_bytes(block_)));
    size_ += block_.size();
    block_.clear();
    return {};
  }

  /// Loads the front; at_end() when there is none.
  Status advance() {
    TIDAL_TRY(ensure(kHeaderBytes));
    if (block_.size() == at_) {
      at_end_ = true;
      return {};
    }
    base::Decoder header(std::string_view(block_).substr(at_));
    key_.section = header.u32();
    key_.time = header.i64();
    const std::uint32_t length = header.u32();
    if (!header.ok()) return Error(Code::Corruption, "damaged spill file: it ends inside an entry");
    TIDAL_TRY(ensure(kHeaderBytes + length));
    if (block_.size() - at_ < kHeaderBytes + length) {
      return Error(Code::Corruption, "damaged spill file: it ends inside an entry");
    }
    front_ = std::string_view(block_).substr(at_ + kHeaderBytes, length);
    at_ += kHeaderBytes + length;
    return {};
  }
  [[nodiscard]] bool at_end() const { return at_end_; }
  [[nodiscard]] SortKey key() const { return key_; }
  [[nodiscard]] std::string_view front() const { return front_; }

 private:
  /// Reads on until `n` bytes lie ahead or the file ends.
  Status ensure(std::size_t n) {
    if (block_.size() - at_ >= n || read_ == size_) return {};
    block_.erase(0, at_);
    at_ = 0;
    const std::size_t have = block_.size();
    const std::size_t want = std::min<std::uint64_t>(std::max(kRunBlockBytes, n), size_ - read_);
    block_.resize(have + want);
    TIDAL_TRY_ASSIGN(const std::size_t got,
                     file_->read_at(read_, std::as_writable_bytes(std::span(block_).subspan(have))));
    block_.resize(have + got);
    read_ = got == want ? read_ + got : size_;
    return {};
  }

  std::unique_ptr<base::File> file_;
  std::string block_;
  std::uint64_t size_ = 0;
  std::uint64_t read_ = 0;
  std::size_t at_ = 0;
  SortKey key_;
  std::string_view front_;
  bool at_end_ = false;
};

Sorter::Sorter(base::FileSystem& fs, std::string folder, std::size_t memory_bytes)
    : fs_(fs), folder_(std::move(folder)), memory_bytes_(memory_bytes) {}

Sorter::~Sorter() {
  if (runs_.empty()) return;
  runs_.clear();
  static_cast<void>(fs_.remove_all(folder_));  // temporary files: nothing depends on their removal
}

Status Sorter::add(SortKey key, std::string_view bytes) {
  if (held_bytes_ > 0 && held_bytes_ + bytes.size() + sizeof(Entry) > memory_bytes_) TIDAL_TRY(spill());
  if (blocks_.empty() || blocks_.back().size() + bytes.size() > blocks_.back().capacity()) {
    blocks_.emplace_back();
    blocks_.back().reserve(std::max(kBlockBytes, bytes.size()));
  }
  std::string& block = blocks_.back();
  entries_.push_back({.key = key,
                      .block = static_cast<std::uint32_t>(blocks_.size() - 1),
                      .offset = static_cast<std::uint32_t>(block.size()),
                      .length = static_cast<std::uint32_t>(bytes.size())});
  block.append(bytes);
  held_bytes_ += bytes.size() + sizeof(Entry);
  ++count_;
  return {};
}

void Sorter::sort_entries() {
  const auto earlier = [](const Entry& a, const Entry& b) { return a.key < b.key; };
  if (!std::is_sorted(entries_.begin(), entries_.end(), earlier)) {
    std::stable_sort(entries_.begin(), entries_.end(), earlier);
  }
}

std::string_view Sorter::bytes_of(const Entry& entry) const {
  return std::string_view(blocks_[entry.block]).substr(entry.offset, entry.length);
}

Status Sorter::spill() {
  if (runs_.empty()) {
    if (fs_.exists(folder_)) TIDAL_TRY(fs_.remove_all(folder_));  // of an import that was killed
    TIDAL_TRY(fs_.create_directories(folder_));
  }
  sort_entries();
  const std::string path = folder_ + "/run-" + std::to_string(runs_.size());
  TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, fs_.open(path, base::OpenMode::Create));
  runs_.push_back(std::make_unique<Run>(std::move(file)));
  for (const Entry& entry : entries_) TIDAL_TRY(runs_.back()->append(entry.key, bytes_of(entry)));
  TIDAL_TRY(runs_.back()->flush());
  entries_.clear();
  blocks_.clear();
  held_bytes_ = 0;
  return {};
}

Status Sorter::finish() {
  if (runs_.empty()) {
    sort_entries();
    return {};
  }
  if (!entries_.empty()) TIDAL_TRY(spill());
  for (const auto& run : runs_) TIDAL_TRY(run->advance());
  return {};
}

Result<bool> Sorter::next(std::string_view& bytes) {
  if (runs_.empty()) {
    if (next_entry_ == entries_.size()) return false;
    bytes = bytes_of(entries_[next_entry_++]);
    return true;
  }
  if (last_ != nullptr) TIDAL_TRY(last_->advance());
  last_ = nullptr;
  for (const auto& run : runs_) {
    // Strictly less keeps the earlier run in front among equals (O1).
    if (!run->at_end() && (last_ == nullptr || run->key() < last_->key())) last_ = run.get();
  }
  if (last_ == nullptr) return false;
  bytes = last_->front();
  return true;
}

}  // namespace tidal::cli
