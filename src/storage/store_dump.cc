// Streaming a store out and in.
#include "storage/store_dump.h"

#include "base/coding.h"

namespace tidal::storage {
namespace {

constexpr std::string_view kMagic = "TDLSTORE";
constexpr std::uint32_t kMinimumReader = 1;
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr std::size_t kBatchBytes = std::size_t{8} << 20;
constexpr std::uint8_t kPair = 1;
constexpr std::uint8_t kEnd = 0;

/// Decodes from the front of a file, reading on where a piece ends in the middle of something.
class PieceReader {
 public:
  PieceReader(const base::File& file, std::string path) : file_(file), path_(std::move(path)) {}

  /// Calls `parse(decoder)` on what lies ahead, again with more of it while the decoder runs out of bytes. Corruption
  /// when there are no more.
  template <class Parse>
  Status read(Parse parse) {
    while (true) {
      base::Decoder in(std::string_view(buffer_).substr(at_));
      parse(in);
      if (in.ok()) {
        at_ = buffer_.size() - in.rest().size();
        return {};
      }
      TIDAL_TRY_ASSIGN(const bool more, fetch());
      if (!more)
        return Error(Code::Corruption, path_ + ": cut short or malformed at offset " + std::to_string(offset()));
    }
  }
  [[nodiscard]] Result<bool> at_end() {
    if (at_ < buffer_.size()) return false;
    TIDAL_TRY_ASSIGN(const bool more, fetch());
    return !more;
  }
  [[nodiscard]] std::uint64_t offset() const { return read_ - (buffer_.size() - at_); }

 private:
  Result<bool> fetch() {
    buffer_.erase(0, at_);
    at_ = 0;
    const std::size_t before = buffer_.size();
    buffer_.resize(before + kPieceBytes);
    TIDAL_TRY_ASSIGN(const std::size_t n,
                     file_.read_at(read_, std::as_writable_bytes(std::span(buffer_).subspan(before))));
    buffer_.resize(before + n);
    read_ += n;
    return n > 0;
  }

  const base::File& file_;
  const std::string path_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t read_ = 0;
};

Result<DumpSummary> read_opening(PieceReader& reader, const std::string& path) {
  std::string magic;
  DumpSummary summary;
  std::uint32_t minimum_reader = 0;
  TIDAL_TRY(reader.read([&](base::Decoder& in) {
    magic = in.raw(kMagic.size());
    summary.format = in.u32();
    minimum_reader = in.u32();
    summary.seqno.value = in.u64();
  }));
  if (magic != kMagic) return Error(Code::Corruption, path + ": not the dump of a store");
  if (minimum_reader > kDumpFormat) {
    return Error(Code::FailedPrecondition, path + ": format " + std::to_string(summary.format) +
                                               " needs a reader of format " + std::to_string(minimum_reader) +
                                               ", this one reads up to " + std::to_string(kDumpFormat));
  }
  return summary;
}

}  // namespace

Status write_dump(const KeyValueStore& store, SeqNo seqno, base::FileWriter& out) {
  if (store.seqno() != seqno) {
    return Error(Code::FailedPrecondition, "dump of a store: expected it at seqno " + std::to_string(seqno.value) +
                                               ", it is at " + std::to_string(store.seqno().value));
  }
  base::Encoder opening;
  opening.raw(kMagic);
  opening.u32(kDumpFormat);
  opening.u32(kMinimumReader);
  opening.u64(seqno.value);
  TIDAL_TRY(out.append(opening.str()));
  std::uint64_t count = 0;
  Status failed;
  TIDAL_TRY(store.scan({}, [&](std::string_view key, std::string_view value) {
    base::Encoder pair;
    pair.u8(kPair);
    pair.string(key);
    pair.string(value);
    ++count;
    failed = out.append(pair.str());
    return failed.ok();
  }));
  TIDAL_TRY(failed);
  base::Encoder end;
  end.u8(kEnd);
  end.u64(count);
  return out.append(end.str());
}

Result<std::uint32_t> read_dump_format(base::FileSystem& fs, const std::string& path) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
  PieceReader reader(*file, path);
  TIDAL_TRY_ASSIGN(const DumpSummary summary, read_opening(reader, path));
  return summary.format;
}

Result<DumpSummary> read_dump(base::FileSystem& fs, const std::string& path,
                              const std::function<Status(std::string_view key, std::string_view value)>& visit) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
  PieceReader reader(*file, path);
  TIDAL_TRY_ASSIGN(DumpSummary summary, read_opening(reader, path));
  const auto malformed = [&] {
    return Error(Code::Corruption, path + ": malformed before offset " + std::to_string(reader.offset()));
  };
  while (true) {
    std::uint8_t what = kEnd;
    std::string_view key;
    std::string_view value;
    std::uint64_t expected = 0;
    TIDAL_TRY(reader.read([&](base::Decoder& in) {
      what = in.u8();
      if (what == kPair) {
        key = in.string();
        value = in.string();
      } else {
        expected = in.u64();
      }
    }));
    if (what == kPair) {
      if (key.empty() || key.size() > kKeyBytesMax) return malformed();
      TIDAL_TRY(visit(key, value));
      ++summary.pairs;
      continue;
    }
    TIDAL_TRY_ASSIGN(const bool at_end, reader.at_end());
    if (what != kEnd || expected != summary.pairs || !at_end) return malformed();
    return summary;
  }
}

Status load_dump(base::FileSystem& fs, const std::string& path, SeqNo seqno, KeyValueStore& store) {
  TIDAL_TRY_ASSIGN([[maybe_unused]] const std::uint32_t format, read_dump_format(fs, path));  // before any write
  TIDAL_TRY(store.clear());
  WriteBatch batch;
  std::size_t batch_bytes = 0;
  TIDAL_TRY_ASSIGN(const DumpSummary summary,
                   read_dump(fs, path, [&](std::string_view key, std::string_view value) -> Status {
                     batch_bytes += key.size() + value.size();
                     batch.put(std::string(key), std::string(value));
                     if (batch_bytes < kBatchBytes) return {};
                     TIDAL_TRY(store.commit(batch, SeqNo{}));  // until all is in, the store is at none
                     batch.clear();
                     batch_bytes = 0;
                     return {};
                   }));
  if (summary.seqno != seqno) {
    return Error(Code::Corruption, path + ": expected the store at seqno " + std::to_string(seqno.value) + ", got " +
                                       std::to_string(summary.seqno.value));
  }
  TIDAL_TRY(store.commit(batch, seqno));
  return store.flush();
}

}  // namespace tidal::storage
