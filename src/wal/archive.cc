// Writing and reading archived segments. The only place of the log that knows zstd.
#include "wal/archive.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/crc32c.h"
#include "base/mutex.h"
#include "wal/reader.h"

namespace tidal::wal {
namespace {

constexpr std::string_view kUnfinished = ".tmp";

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
using Compressor = std::unique_ptr<ZSTD_CCtx, FreeContext>;
using Decompressor = std::unique_ptr<ZSTD_DCtx, FreeContext>;

Error damage(const std::string& path, std::uint64_t offset, const std::string& what) {
  return Error(Code::Corruption, path + " offset " + std::to_string(offset) + ": " + what);
}

std::string_view as_text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// `n` bytes at `offset`, which the file must have.
Result<std::vector<std::byte>> read_exactly(const base::File& file, const std::string& path, std::uint64_t offset,
                                            std::uint64_t n) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(n));
  TIDAL_TRY_ASSIGN(const std::size_t got, file.read_at(offset, bytes));
  if (got == n) return bytes;
  return damage(path, offset, "expected " + std::to_string(n) + " bytes, got " + std::to_string(got));
}

Result<ArchiveHeader> read_header(const base::File& file, const std::string& path) {
  std::string block(kArchiveHeaderBytes, '\0');
  TIDAL_TRY_ASSIGN(const std::size_t n, file.read_at(0, std::as_writable_bytes(std::span(block))));
  Result<ArchiveHeader> header = decode_archive_header(std::string_view(block).substr(0, n));
  if (!header.ok()) return Error(header.error().code, path + " offset 0: " + header.error().message);
  return header;
}

struct Chunk {
  std::uint64_t offset = 0;
  ArchiveChunk about;
};

Result<std::vector<Chunk>> read_table(const base::File& file, const std::string& path, const ArchiveHeader& header) {
  TIDAL_TRY_ASSIGN(const std::uint64_t size, file.size());
  if (size < kArchiveHeaderBytes + kArchiveTrailerBytes) return damage(path, size, "the file ends inside the archive");
  const std::uint64_t trailer_at = size - kArchiveTrailerBytes;
  TIDAL_TRY_ASSIGN(const std::vector<std::byte> tail, read_exactly(file, path, trailer_at, kArchiveTrailerBytes));
  const Result<ArchiveTrailer> trailer = decode_archive_trailer(as_text(tail), header, size);
  if (!trailer.ok()) return damage(path, trailer_at, trailer.error().message);
  TIDAL_TRY_ASSIGN(const std::vector<std::byte> bytes,
                   read_exactly(file, path, trailer->table_offset, size - trailer->table_offset));
  const Result<std::vector<ArchiveChunk>> table = decode_archive_table(as_text(bytes), *trailer);
  if (!table.ok()) return damage(path, trailer->table_offset, table.error().message);
  std::vector<Chunk> chunks;
  std::uint64_t offset = kArchiveHeaderBytes;
  for (const ArchiveChunk& about : *table) {
    // Bounds the memory of a reader.
    if (about.compressed_bytes > ZSTD_compressBound(kArchiveChunkBytes)) {
      return damage(path, offset, "a chunk of " + std::to_string(about.compressed_bytes) + " compressed bytes");
    }
    chunks.push_back({.offset = offset, .about = about});
    offset += about.compressed_bytes;
  }
  return chunks;
}

/// The segment inside an archive.
class ArchivedFile final : public base::File {
 public:
  ArchivedFile(std::unique_ptr<base::File> file, std::string path, const ArchiveHeader& header,
               std::vector<Chunk> chunks)
      : file_(std::move(file)), path_(std::move(path)), header_(header), chunks_(std::move(chunks)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset >= header_.segment_bytes) return std::size_t{0};
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), header_.segment_bytes - offset));
    const base::MutexLock lock(mutex_);
    for (std::size_t done = 0; done < n;) {
      const std::uint64_t at = offset + done;
      TIDAL_TRY(load(static_cast<std::size_t>(at / kArchiveChunkBytes)));
      const auto begin = static_cast<std::size_t>(at % kArchiveChunkBytes);
      const std::size_t part = std::min(n - done, content_.size() - begin);
      std::memcpy(out.data() + done, content_.data() + begin, part);
      done += part;
    }
    return n;
  }
  Status write_at(std::uint64_t /*offset*/, base::Bytes /*data*/) override { return read_only("write"); }
  Status reserve(std::uint64_t /*bytes*/) override { return read_only("reserve space for"); }
  Status sync() override { return read_only("sync"); }
  Result<std::uint64_t> size() const override { return header_.segment_bytes; }
  Status truncate(std::uint64_t /*size*/) override { return read_only("truncate"); }

 private:
  Status read_only(std::string_view what) const {
    return Error(Code::IoError, std::string(what) + " " + path_ + ": an archived segment is read-only");
  }

  /// Makes content_ the content of that chunk.
  Status load(std::size_t number) const TIDAL_REQUIRES(mutex_) {
    if (loaded_ == number) return {};
    loaded_.reset();
    const Chunk& chunk = chunks_[number];
    TIDAL_TRY_ASSIGN(const std::vector<std::byte> bytes,
                     read_exactly(*file_, path_, chunk.offset, chunk.about.compressed_bytes));
    if (base::crc32c(as_text(bytes)) != chunk.about.crc) return damage(path_, chunk.offset, "chunk checksum mismatch");
    if (context_ == nullptr) context_.reset(ZSTD_createDCtx());
    if (context_ == nullptr) return Error(Code::ResourceExhausted, "no memory to decompress " + path_);
    content_.resize(static_cast<std::size_t>(header_.chunk_bytes(number)));
    const std::size_t n =
        ZSTD_decompressDCtx(context_.get(), content_.data(), content_.size(), bytes.data(), bytes.size());
    if (ZSTD_isError(n) != 0) {
      return damage(path_, chunk.offset, std::string("chunk does not decompress: ") + ZSTD_getErrorName(n));
    }
    if (n != content_.size()) {
      return damage(path_, chunk.offset,
                    "chunk holds " + std::to_string(n) + " bytes, expected " + std::to_string(content_.size()));
    }
    loaded_ = number;
    return {};
  }

  const std::unique_ptr<base::File> file_;
  const std::string path_;
  const ArchiveHeader header_;
  const std::vector<Chunk> chunks_;
  mutable base::Mutex mutex_;
  mutable std::optional<std::size_t> loaded_ TIDAL_GUARDED_BY(mutex_);
  mutable std::vector<std::byte> content_ TIDAL_GUARDED_BY(mutex_);
  mutable Decompressor context_ TIDAL_GUARDED_BY(mutex_);
};

Result<std::unique_ptr<base::File>> archived_file(std::unique_ptr<base::File> file, const std::string& path) {
  TIDAL_TRY_ASSIGN(const ArchiveHeader header, read_header(*file, path));
  TIDAL_TRY_ASSIGN(std::vector<Chunk> chunks, read_table(*file, path, header));
  return std::unique_ptr<base::File>(std::make_unique<ArchivedFile>(std::move(file), path, header, std::move(chunks)));
}

/// What the archive of that segment says of it. Reads all of it: what is damaged stays where it can be repaired.
Result<ArchiveHeader> describe_segment(base::FileSystem& fs, const std::string& path) {
  TIDAL_TRY_ASSIGN(const SegmentSummary summary, read_segment(fs, path, false, {}));
  if (!summary.defects.empty()) {
    const Defect& defect = summary.defects.front();
    return damage(defect.segment, defect.offset, defect.message);
  }
  if (!summary.header || !summary.footer) return damage(path, summary.end_offset, "the segment is not sealed");
  ArchiveHeader header{.shard_id = summary.header->shard_id,
                       .segment_check = summary.header->check,
                       .first_seqno = summary.header->first_seqno,
                       .last_seqno = summary.footer->last_seqno,
                       .record_count = summary.footer->record_count,
                       .first_append_time = summary.first_append_time,
                       .last_append_time = summary.last_append_time,
                       .created_at = summary.header->created_at,
                       .segment_bytes = summary.header->segment_bytes};
  static_cast<void>(encode_archive_header(header));  // sets its check
  return header;
}

Status write_archive(const base::File& segment, const std::string& segment_path, base::File& out,
                     const std::string& path, ArchiveHeader header) {
  const Compressor context(ZSTD_createCCtx());
  if (context == nullptr) return Error(Code::ResourceExhausted, "no memory to compress " + path);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::vector<std::byte> compressed(ZSTD_compressBound(kArchiveChunkBytes));
  std::vector<ArchiveChunk> chunks;
  TIDAL_TRY(out.write_at(0, base::as_bytes(encode_archive_header(header))));
  std::uint64_t end = kArchiveHeaderBytes;
  for (std::uint64_t chunk = 0; chunk < header.chunk_count(); ++chunk) {
    TIDAL_TRY_ASSIGN(const std::vector<std::byte> content,
                     read_exactly(segment, segment_path, chunk * kArchiveChunkBytes, header.chunk_bytes(chunk)));
    const std::size_t n =
        ZSTD_compress2(context.get(), compressed.data(), compressed.size(), content.data(), content.size());
    if (ZSTD_isError(n) != 0) {
      return Error(Code::ResourceExhausted, "compress " + segment_path + ": " + ZSTD_getErrorName(n));
    }
    const base::Bytes bytes = base::Bytes(compressed).first(n);
    TIDAL_TRY(out.write_at(end, bytes));
    const std::uint32_t crc = base::crc32c({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    chunks.push_back({.compressed_bytes = static_cast<std::uint32_t>(n), .crc = crc});
    end += n;
  }
  TIDAL_TRY(out.write_at(end, base::as_bytes(encode_archive_table(header, chunks))));
  return out.sync();
}

/// Corruption names the first place where the archive at `path` is not what `header` and `segment` say.
Status compare(base::FileSystem& fs, const std::string& path, const base::File& segment,
               const std::string& segment_path, const ArchiveHeader& header) {
  TIDAL_TRY_ASSIGN(const ArchiveHeader found, read_archive_header(fs, path));
  if (found.check != header.check) return damage(path, 0, "header differs from segment " + segment_path);
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> archived, open_archived(fs, path));
  for (std::uint64_t chunk = 0; chunk < header.chunk_count(); ++chunk) {
    const std::uint64_t offset = chunk * kArchiveChunkBytes;
    TIDAL_TRY_ASSIGN(const std::vector<std::byte> wanted,
                     read_exactly(segment, segment_path, offset, header.chunk_bytes(chunk)));
    TIDAL_TRY_ASSIGN(const std::vector<std::byte> got, read_exactly(*archived, path, offset, wanted.size()));
    if (got != wanted) return damage(path, offset, "content differs from segment " + segment_path);
  }
  return {};
}

/// Whether the archive at `path` is whole and of this segment; an error when it must not be replaced.
Result<bool> is_archived(base::FileSystem& fs, const std::string& path, const base::File& segment,
                         const std::string& segment_path, const ArchiveHeader& header) {
  const Result<ArchiveHeader> found = read_archive_header(fs, path);
  if (found.ok() && found->segment_check != header.segment_check) {
    return Error(Code::AlreadyExists, path + " is the archive of another segment than " + segment_path +
                                          " (header checksum " + std::to_string(found->segment_check) + ", expected " +
                                          std::to_string(header.segment_check) + "): move one of them away");
  }
  const Status same = compare(fs, path, segment, segment_path, header);
  if (same.ok()) return true;
  if (same.error().code == Code::Corruption) return false;
  return same.error();
}

Status make_archive(base::FileSystem& fs, const base::File& segment, const std::string& segment_path,
                    const std::string& aside, const std::string& path, const ArchiveHeader& header) {
  {
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(aside, base::OpenMode::Create));
    TIDAL_TRY(write_archive(segment, segment_path, *file, aside, header));
  }
  TIDAL_TRY(compare(fs, aside, segment, segment_path, header));
  return fs.rename(aside, path);
}

}  // namespace

Result<ArchiveHeader> archive_segment(base::FileSystem& fs, const std::string& segment_path,
                                      const std::string& archive_dir) {
  TIDAL_TRY_ASSIGN(const ArchiveHeader header, describe_segment(fs, segment_path));
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> segment, fs.open(segment_path, base::OpenMode::Read));
  TIDAL_TRY(fs.create_directories(archive_dir));
  const std::string path = archive_dir + "/" + archive_file_name(header.first_seqno);
  if (fs.exists(path)) {
    TIDAL_TRY_ASSIGN(const bool archived, is_archived(fs, path, *segment, segment_path, header));
    if (archived) {
      // Whoever put it there may not have made it durable.
      TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
      TIDAL_TRY(file->sync());
      TIDAL_TRY(fs.sync_directory(archive_dir));
      return header;
    }
  }
  const std::string aside = path + std::string(kUnfinished);
  if (fs.exists(aside)) TIDAL_TRY(fs.remove(aside));  // left by a crash
  if (Status made = make_archive(fs, *segment, segment_path, aside, path, header); !made.ok()) {
    static_cast<void>(fs.remove(aside));  // best effort: the first error is the one to report
    return std::move(made).error();
  }
  if (Status synced = fs.sync_directory(archive_dir); !synced.ok()) {
    static_cast<void>(fs.remove(path));  // as above
    return std::move(synced).error();
  }
  return header;
}

Status replace_archive(base::FileSystem& fs, const std::string& segment_path, const std::string& archive_dir) {
  TIDAL_TRY_ASSIGN(const ArchiveHeader header, describe_segment(fs, segment_path));
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> segment, fs.open(segment_path, base::OpenMode::Read));
  const std::string path = archive_dir + "/" + archive_file_name(header.first_seqno);
  const std::string aside = path + std::string(kUnfinished);
  if (fs.exists(aside)) TIDAL_TRY(fs.remove(aside));  // left by a crash
  if (Status made = make_archive(fs, *segment, segment_path, aside, path, header); !made.ok()) {
    static_cast<void>(fs.remove(aside));  // best effort: the first error is the one to report
    return made;
  }
  return fs.sync_directory(archive_dir);
}

Result<std::unique_ptr<base::File>> open_archived(base::FileSystem& fs, const std::string& path) {
  TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
  return archived_file(std::move(file), path);
}

Result<ArchiveHeader> read_archive_header(base::FileSystem& fs, const std::string& path) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
  return read_header(*file, path);
}

Result<std::unique_ptr<base::File>> open_segment(base::FileSystem& fs, const std::string& path) {
  TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
  std::string head(16, '\0');
  TIDAL_TRY_ASSIGN(const std::size_t n, file->read_at(0, std::as_writable_bytes(std::span(head))));
  const bool named = parse_archive_file_name(std::string_view(path).substr(path.rfind('/') + 1)).has_value();
  if (named || starts_archive(std::string_view(head).substr(0, n))) return archived_file(std::move(file), path);
  return file;
}

void tidy_archive(base::FileSystem& fs, const std::string& archive_dir) {
  const Result<std::vector<std::string>> names = fs.list(archive_dir);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (!name.ends_with(kUnfinished)) continue;
    const std::string_view of = std::string_view(name).substr(0, name.size() - kUnfinished.size());
    if (parse_archive_file_name(of) || parse_segment_file_name(of))
      static_cast<void>(fs.remove(archive_dir + "/" + name));  // harmless where it stays
  }
}

}  // namespace tidal::wal
