// Checking directories and decoding files with the readers that the database itself uses.
#include "db/offline/verification.h"

#include <array>
#include <memory>
#include <span>

#include "base/coding.h"
#include "db/offline/log_lines.h"
#include "db/offline/log_walk.h"
#include "materializer/checkpoint.h"
#include "storage/kv.h"

namespace tidal::db {
namespace {

void judge_segments(const std::vector<SegmentSummary>& segments, Verification& result) {
  std::uint64_t records = 0;
  for (const SegmentSummary& segment : segments) {
    records += segment.records;
    if (!segment.defect) continue;
    const std::string text =
        segment.path + " offset " + std::to_string(segment.defect->offset) + ": " + segment.defect->problem;
    if (segment.defect->unfinished) {
      result.notes.push_back(text + " (an unfinished write; the next open cuts it off)");
    } else {
      result.defects.push_back(text);
    }
  }
  result.facts.push_back("log: " + std::to_string(segments.size()) + " segments, " + std::to_string(records) +
                         " records");
}

Status verify_checkpoints(base::FileSystem& fs, const std::string& directory, SeqNo last, Verification& result) {
  const std::string folder = directory + "/checkpoints";
  if (!fs.is_directory(folder)) {
    result.facts.push_back("checkpoints: none");
    return {};
  }
  const materializer::CheckpointDirectory checkpoints(fs, folder);
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, checkpoints.list());
  TIDAL_TRY_ASSIGN(const std::vector<std::string> defects, checkpoints.verify());
  result.defects.insert(result.defects.end(), defects.begin(), defects.end());
  for (const SeqNo seqno : seqnos) {
    if (seqno > last) {
      result.defects.push_back("the checkpoint at seqno " + std::to_string(seqno.value) +
                               " is ahead of the log, which ends at " + std::to_string(last.value));
    }
  }
  result.facts.push_back("checkpoints: " + std::to_string(seqnos.size()));
  return {};
}

Status verify_store(base::FileSystem& fs, const std::string& directory, SeqNo last, Verification& result) {
  const std::string path = directory + "/stores/entities";
  if (!fs.exists(path)) {
    result.facts.push_back("entity store: none");
    return {};
  }
  TIDAL_TRY_ASSIGN(const std::unique_ptr<storage::KeyValueStore> store,
                   storage::open_store(storage::Backend::Lmdb, fs, path));
  if (const Status whole = store->verify(); !whole.ok())
    result.defects.push_back("entity store: " + whole.error().message);
  if (store->seqno() > last) {
    result.notes.push_back("the entity store is ahead of the log; the next open rebuilds it");
  }
  result.facts.push_back("entity store: at seqno " + std::to_string(store->seqno().value));
  return {};
}

Status inspect_segment(base::FileSystem& fs, const std::string& path,
                       const std::function<void(std::string_view)>& line) {
  const auto frame = [&line](const wal::FrameHeader& header, std::string_view body) -> Status {
    line("{\"frame\":{\"offset\":" + std::to_string(header.offset) + ",\"first_seqno\":" +
         std::to_string(header.first_seqno.value) + ",\"records\":" + std::to_string(header.record_count) +
         ",\"bytes\":" + std::to_string(header.frame_bytes()) + ",\"append_time\":\"" + to_string(header.append_time) +
         "\",\"synced_through\":" + std::to_string(header.synced_through.value) + "}}");
    wal::RecordCursor cursor(header, body);
    wal::WalEvent event;
    while (cursor.next(event)) line(dump_line(event));
    return cursor.status();
  };
  TIDAL_TRY_ASSIGN(const SegmentSummary summary, walk_segment(fs, path, true, frame));
  line("{\"segment\":{\"format\":" + std::to_string(summary.header.format_version) +
       ",\"shard\":" + std::to_string(summary.header.shard_id) +
       ",\"first_seqno\":" + std::to_string(summary.header.first_seqno.value) + ",\"created_at\":\"" +
       to_string(summary.header.created_at) + "\",\"bytes\":" + std::to_string(summary.header.segment_bytes) +
       ",\"frames\":" + std::to_string(summary.frames) + ",\"records\":" + std::to_string(summary.records) +
       ",\"end_offset\":" + std::to_string(summary.end_offset) + ",\"sealed\":" + (summary.footer ? "true" : "false") +
       "}}");
  if (!summary.defect) return {};
  return Error(Code::Corruption,
               path + " offset " + std::to_string(summary.defect->offset) + ": " + summary.defect->problem);
}

Status inspect_manifest(const std::string& bytes, const std::function<void(std::string_view)>& line) {
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

/// The opening that every checkpoint file shares, then what a view's file says of itself.
Status inspect_view(const std::string& path, const std::string& bytes,
                    const std::function<void(std::string_view)>& line) {
  base::Decoder in(bytes);
  in.raw(8);
  const std::uint32_t format = in.u32();
  in.u32();
  const std::string name(in.string());
  const std::uint32_t logic_version = in.u32();
  const std::uint64_t seqno = in.u64();
  if (!in.ok()) return Error(Code::Corruption, "view image ends inside its header: " + path);
  line("{\"view_image\":{\"view\":\"" + name + "\",\"format\":" + std::to_string(format) +
       ",\"logic_version\":" + std::to_string(logic_version) + ",\"seqno\":" + std::to_string(seqno) +
       ",\"image_bytes\":" + std::to_string(in.rest().size()) + "}}");
  return {};
}

}  // namespace

Result<Verification> verify_directory(base::FileSystem& fs, const std::string& directory) {
  if (!fs.is_directory(directory + "/wal")) {
    return Error(Code::NotFound, "no database at '" + directory + "' (create one: tidal init " + directory + ")");
  }
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::FileLock> lock, fs.lock(directory + "/LOCK"));
  Verification result;
  const auto ignore = [](const wal::WalEvent& event) -> Status {
    const Result<std::optional<std::string>> line = import_line(event.record);
    return line.ok() ? Status()
                     : Status(Error(Code::Corruption,
                                    "seqno " + std::to_string(event.seqno.value) + ": " + line.error().message));
  };
  const Result<std::vector<SegmentSummary>> segments = walk_log(fs, directory, ignore);
  SeqNo last;
  if (segments.ok()) {
    judge_segments(*segments, result);
    if (!segments->empty()) last = SeqNo{segments->back().next_seqno.value - 1};
  } else if (segments.error().code == Code::Corruption) {
    result.defects.push_back(segments.error().message);
  } else {
    return segments.error();
  }
  TIDAL_TRY(verify_checkpoints(fs, directory, last, result));
  TIDAL_TRY(verify_store(fs, directory, last, result));
  return result;
}

Status inspect_file(base::FileSystem& fs, const std::string& path, const std::function<void(std::string_view)>& line) {
  if (fs.is_directory(path)) return Error(Code::InvalidArgument, "expected a file, got a directory: " + path);
  std::string magic(8, '\0');
  {
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
    TIDAL_TRY_ASSIGN(const std::size_t n, file->read_at(0, std::as_writable_bytes(std::span(magic))));
    magic.resize(n);
  }
  if (magic == "TIDALWAL") return inspect_segment(fs, path, line);
  if (magic != "TDLMANIF" && magic != "TDLVIEW1") {
    return Error(Code::InvalidArgument, "no file of tidalDB (its first bytes are none of ours): " + path);
  }
  TIDAL_TRY_ASSIGN(const std::string bytes, base::read_file(fs, path));
  return magic == "TDLMANIF" ? inspect_manifest(bytes, line) : inspect_view(path, bytes, line);
}

}  // namespace tidal::db
