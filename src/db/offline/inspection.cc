// Decoding files with the readers that the database itself uses.
#include "db/offline/inspection.h"

#include <algorithm>
#include <memory>
#include <span>

#include "base/coding.h"
#include "base/crc32c.h"
#include "db/backup_manifest.h"
#include "db/log_lines.h"
#include "db/offline/log_walk.h"
#include "db/stores.h"
#include "materializer/checkpoint.h"
#include "signal/rollup_block.h"
#include "signal/rollups.h"
#include "storage/backends.h"
#include "storage/keys.h"
#include "storage/lmdb_file.h"
#include "storage/store_dump.h"
#include "wal/archive.h"

namespace tidal::db {
namespace {

Status inspect_segment(base::FileSystem& fs, const std::string& path, const LineVisitor& line) {
  const auto frame = [&line](const wal::FrameView& view) -> Status {
    const wal::FrameHeader& header = view.header;
    line("{\"frame\":{\"offset\":" + std::to_string(header.offset) + ",\"first_seqno\":" +
         std::to_string(header.first_seqno.value) + ",\"records\":" + std::to_string(header.record_count) +
         ",\"bytes\":" + std::to_string(header.frame_bytes()) + ",\"append_time\":\"" + to_string(header.append_time) +
         "\",\"synced_through\":" + std::to_string(header.synced_through.value) + "}}");
    return each_record([&line](const wal::WalEvent& event) -> Status {
      line(dump_line(event));
      return {};
    })(view);
  };
  TIDAL_TRY_ASSIGN(const wal::SegmentSummary summary, wal::read_segment(fs, path, true, frame));
  if (summary.header) {
    const wal::SegmentHeader& header = *summary.header;
    line("{\"segment\":{\"format\":" + std::to_string(header.format_version) + ",\"shard\":" +
         std::to_string(header.shard_id) + ",\"first_seqno\":" + std::to_string(header.first_seqno.value) +
         ",\"created_at\":\"" + to_string(header.created_at) + "\",\"bytes\":" + std::to_string(header.segment_bytes) +
         ",\"frames\":" + std::to_string(summary.frames) + ",\"records\":" + std::to_string(summary.records) +
         ",\"end_offset\":" + std::to_string(summary.end_offset) +
         ",\"sealed\":" + (summary.footer ? "true" : "false") + "}}");
  }
  if (summary.torn_offset) {
    line("{\"unfinished_write\":{\"offset\":" + std::to_string(*summary.torn_offset) + "}}");
  }
  if (summary.defects.empty()) return {};
  Error error(Code::Corruption, to_text(summary.defects.front()));
  for (std::size_t i = 1; i < summary.defects.size(); ++i) {
    error.others.emplace_back(Code::Corruption, to_text(summary.defects[i]));
  }
  return error;
}

/// What the archive says of itself, then the segment inside it.
Status inspect_archive(base::FileSystem& fs, const std::string& path, std::uint64_t bytes, const LineVisitor& line) {
  TIDAL_TRY_ASSIGN(const wal::ArchiveHeader header, wal::read_archive_header(fs, path));
  line("{\"archive\":{\"format\":" + std::to_string(header.format_version) + ",\"shard\":" +
       std::to_string(header.shard_id) + ",\"first_seqno\":" + std::to_string(header.first_seqno.value) +
       ",\"last_seqno\":" + std::to_string(header.last_seqno.value) +
       ",\"records\":" + std::to_string(header.record_count) + ",\"first_append_time\":\"" +
       to_string(header.first_append_time) + "\",\"last_append_time\":\"" + to_string(header.last_append_time) +
       "\",\"bytes\":" + std::to_string(bytes) + ",\"segment_bytes\":" + std::to_string(header.segment_bytes) + "}}");
  return inspect_segment(fs, path, line);
}

Status inspect_manifest(const std::string& bytes, const LineVisitor& line) {
  TIDAL_TRY_ASSIGN(const materializer::Manifest manifest, materializer::decode_manifest(bytes));
  line("{\"manifest\":{\"seqno\":" + std::to_string(manifest.seqno.value) +
       ",\"schema_version\":" + std::to_string(manifest.schema_version) + ",\"created_at\":\"" +
       to_string(manifest.created_at) + "\",\"views\":" + std::to_string(manifest.entries.size()) + "}}");
  for (const materializer::ManifestEntry& entry : manifest.entries) {
    line("{\"view\":\"" + entry.view + "\",\"logic_version\":" + std::to_string(entry.logic_version) +
         ",\"bytes\":" + std::to_string(entry.bytes) + ",\"crc32c\":" + std::to_string(entry.checksum) + "}");
  }
  return {};
}

Status inspect_backup(const std::string& bytes, const LineVisitor& line) {
  TIDAL_TRY_ASSIGN(const BackupManifest manifest, decode_backup_manifest(bytes));
  line("{\"backup\":{\"seqno\":" + std::to_string(manifest.seqno.value) + ",\"last_append\":\"" +
       to_string(manifest.last_append) + "\",\"created_at\":\"" + to_string(manifest.created_at) + "\",\"files\":" +
       std::to_string(manifest.files.size()) + ",\"bytes\":" + std::to_string(manifest.bytes()) + "}}");
  for (const BackupFile& file : manifest.files) {
    line("{\"file\":\"" + file.path + "\",\"bytes\":" + std::to_string(file.sum.bytes) +
         ",\"crc32c\":" + std::to_string(file.sum.checksum) + "}");
  }
  return {};
}

/// What the manifest beside a view's file says of its bytes.
std::string_view checksum_state(base::FileSystem& fs, const std::string& path, const std::string& view,
                                const std::string& bytes) {
  const Result<std::string> content = base::read_file(fs, path.substr(0, path.rfind('/') + 1) + "MANIFEST");
  if (!content.ok()) return "unknown: no MANIFEST beside it";
  const Result<materializer::Manifest> manifest = materializer::decode_manifest(*content);
  if (!manifest.ok()) return "unknown: its MANIFEST is damaged";
  const auto entry = std::ranges::find(manifest->entries, view, &materializer::ManifestEntry::view);
  if (entry == manifest->entries.end()) return "unknown: its MANIFEST does not name it";
  return entry->bytes == bytes.size() && entry->checksum == base::crc32c(bytes) ? "right" : "wrong";
}

/// The count that some images begin with, as a member of the line.
std::string first_count(std::string_view view, std::string_view image) {
  base::Decoder in(image);
  std::string_view what;
  if (view == "schema") what = "changes";
  if (view == "import_marks") what = "imports";
  if (view == "entities") {
    what = "items";
    in.u64();  // its seqno
    in.u64();  // of the last erasure
  }
  const std::uint64_t count = in.varint();
  return what.empty() || !in.ok() ? "" : ",\"" + std::string(what) + "\":" + std::to_string(count);
}

/// The opening that every checkpoint file shares, then what a view's file says of itself.
Status inspect_view(base::FileSystem& fs, const std::string& path, const std::string& bytes, const LineVisitor& line) {
  base::Decoder in(bytes);
  in.raw(8);
  const std::uint32_t format = in.u32();
  if (const std::uint32_t min_reader = in.u32(); in.ok() && min_reader > materializer::kCheckpointFormat) {
    return Error(Code::FailedPrecondition, path + ": format " + std::to_string(format) + " needs a reader of format " +
                                               std::to_string(min_reader) + ", this one reads up to " +
                                               std::to_string(materializer::kCheckpointFormat));
  }
  const std::string name(in.string());
  const std::uint32_t logic_version = in.u32();
  const std::uint64_t seqno = in.u64();
  if (!in.ok()) return Error(Code::Corruption, "view image ends inside its header: " + path);
  const std::string_view checksum = checksum_state(fs, path, name, bytes);
  line("{\"view_image\":{\"view\":\"" + name + "\",\"format\":" + std::to_string(format) +
       ",\"logic_version\":" + std::to_string(logic_version) + ",\"seqno\":" + std::to_string(seqno) +
       ",\"bytes\":" + std::to_string(bytes.size()) + ",\"image_bytes\":" + std::to_string(in.rest().size()) +
       ",\"checksum\":\"" + std::string(checksum) + "\"" + first_count(name, in.rest()) + "}}");
  if (checksum == "wrong") return Error(Code::Corruption, path + ": checksum mismatch: its MANIFEST says otherwise");
  return {};
}

/// The fields of an entity.
Status inspect_fields(std::string_view key, std::string_view value, const LineVisitor& line) {
  TIDAL_TRY_ASSIGN(const storage::StoreKey place, storage::decode_key(key));
  TIDAL_TRY_ASSIGN(const std::string fields, fields_json(value));
  line("{\"entity\":{\"kind\":" + std::to_string(place.kind) +
       ",\"ordinal\":" + std::to_string(to_index(place.ordinal)) + ",\"fields\":" + fields + "}}");
  return {};
}

/// A block of a history, or the marker that says how far they go.
Status inspect_block(std::string_view key, std::string_view value, const LineVisitor& line) {
  if (key == signal::kRollupMarker) {
    line("{\"histories\":{\"through\":" + std::to_string(base::Decoder(value).u64()) + "}}");
    return {};
  }
  TIDAL_TRY_ASSIGN(const signal::BlockRef ref, signal::decode_block_key(key));
  TIDAL_TRY_ASSIGN(const signal::RollupBlock block, signal::decode_block(ref.step, value));
  const signal::SeriesParts series = signal::parts_of(ref.series);
  std::string buckets;
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (block[i].count == 0) continue;
    const std::int64_t number = ref.block * signal::buckets_a_block(ref.step) + static_cast<std::int64_t>(i);
    buckets += (buckets.empty() ? "{\"start\":\"" : ",{\"start\":\"") +
               to_string(Timestamp{number * signal::step_us(ref.step)}) +
               "\",\"count\":" + std::to_string(block[i].count) + "}";
  }
  line("{\"history\":{\"kind\":" + std::to_string(static_cast<int>(series.kind)) +
       ",\"ordinal\":" + std::to_string(to_index(series.entity)) + ",\"signal\":" + std::to_string(series.signal) +
       ",\"by\":\"" + (ref.step == signal::RollupStep::Hour ? "hour" : "day") + "\",\"buckets\":[" + buckets + "]}}");
  return {};
}

/// What a store keeps, as a base has it. The name tells which.
Status inspect_dump(base::FileSystem& fs, const std::string& path, const LineVisitor& line) {
  const bool is_histories = path.ends_with("/" + std::string(kStores[1].dump));
  const auto each = [&](std::string_view key, std::string_view value) -> Status {
    return is_histories ? inspect_block(key, value, line) : inspect_fields(key, value, line);
  };
  TIDAL_TRY_ASSIGN(const storage::DumpSummary summary, storage::read_dump(fs, path, each));
  line("{\"store_dump\":{\"format\":" + std::to_string(summary.format) +
       ",\"seqno\":" + std::to_string(summary.seqno.value) + ",\"pairs\":" + std::to_string(summary.pairs) + "}}");
  return {};
}

Status inspect_lmdb(base::FileSystem& fs, const std::string& path, const LineVisitor& line) {
  TIDAL_TRY_ASSIGN(const storage::LmdbFileSummary summary, storage::check_lmdb_file(fs, path));
  line("{\"store\":{\"backend\":\"lmdb\",\"seqno\":" + std::to_string(summary.seqno.value) +
       ",\"values\":" + std::to_string(summary.values) + ",\"pages\":" + std::to_string(summary.pages) +
       ",\"page_bytes\":" + std::to_string(summary.page_bytes) + ",\"checksums\":\"right\"}}");
  return {};
}

/// The file by which RocksDB finds the others tells of the whole store; the others are RocksDB's own.
Status inspect_rocksdb(const std::string& directory, std::string_view name, const LineVisitor& line) {
  if (name != "CURRENT") {
    line("{\"file\":{\"name\":\"" + std::string(name) +
         "\",\"holds\":\"a part of a RocksDB store: its CURRENT tells\"}}");
    return {};
  }
  TIDAL_TRY_ASSIGN(const storage::RocksDbSummary summary, storage::check_rocksdb_store(directory));
  line("{\"store\":{\"backend\":\"rocksdb\",\"seqno\":" + std::to_string(summary.seqno.value) +
       ",\"values\":" + std::to_string(summary.values) + ",\"checksums\":\"right\"}}");
  return {};
}

/// Files that have no magic: what their names say.
Status inspect_by_name(const std::string& path, std::uint64_t bytes, const LineVisitor& line) {
  struct Named {
    std::string_view name;
    std::string_view what;
  };
  constexpr Named kNamed[] = {
      {"BACKUP.unfinished", "marks a backup that was not finished"},
      {"RESTORE.unfinished", "marks a database that was not restored to the end"},
      {"LOCK", "held while a process has the database open; empty"},
      {"cursor.key", "32 random bytes that authenticate page cursors"},
      {"lock.mdb", "LMDB's table of readers; made anew at every open"},
      {"next.wal.ready", "zeros that become the next log segment"},
      {"next.wal.tmp", "a log segment being prepared, or left over from a crash"},
  };
  const std::string name = path.substr(path.rfind('/') + 1);
  for (const Named& each : kNamed) {
    if (each.name != name) continue;
    line("{\"file\":{\"name\":\"" + name + "\",\"holds\":\"" + std::string(each.what) +
         "\",\"bytes\":" + std::to_string(bytes) + "}}");
    if (name == "cursor.key" && bytes != 32) {
      return Error(Code::Corruption, path + ": expected 32 bytes, got " + std::to_string(bytes));
    }
    return {};
  }
  return Error(Code::InvalidArgument, "no file of tidalDB (its first bytes are none of ours): " + path);
}

}  // namespace

Status inspect_file(base::FileSystem& fs, const std::string& path, const LineVisitor& line) {
  if (fs.is_directory(path)) return Error(Code::InvalidArgument, "expected a file, got a directory: " + path);
  std::string head(24, '\0');
  std::uint64_t size = 0;
  {
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
    TIDAL_TRY_ASSIGN(const std::size_t n, file->read_at(0, std::as_writable_bytes(std::span(head))));
    head.resize(n);
    TIDAL_TRY_ASSIGN(size, file->size());
  }
  if (storage::starts_lmdb_file(head)) return inspect_lmdb(fs, path, line);
  const std::string directory = path.find('/') == std::string::npos ? "./" : path.substr(0, path.rfind('/') + 1);
  if (fs.exists(directory + "CURRENT") && fs.exists(directory + "IDENTITY")) {
    return inspect_rocksdb(directory, std::string_view(path).substr(path.rfind('/') + 1), line);
  }
  if (wal::starts_archive(head)) return inspect_archive(fs, path, size, line);
  const std::string magic = head.substr(0, 8);
  if (magic == "TIDALWAL") return inspect_segment(fs, path, line);
  if (magic == "TDLSTORE") return inspect_dump(fs, path, line);
  if (magic != "TDLMANIF" && magic != "TDLVIEW1" && magic != kBackupMagic) return inspect_by_name(path, size, line);
  TIDAL_TRY_ASSIGN(const std::string bytes, base::read_file(fs, path));
  if (magic == kBackupMagic) return inspect_backup(bytes, line);
  return magic == "TDLMANIF" ? inspect_manifest(bytes, line) : inspect_view(fs, path, bytes, line);
}

}  // namespace tidal::db
