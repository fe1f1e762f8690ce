// Reading paths and magics.
#include "test/sim/file_activity.h"

#include <algorithm>
#include <cstring>

namespace tidal::sim {
namespace {

using Kind = base::FileOperation::Kind;

std::string_view text_of(base::Bytes data) { return {reinterpret_cast<const char*>(data.data()), data.size()}; }

bool is_below(std::string_view path, std::string_view directory) {
  const std::size_t at = path.find(directory);
  return at != std::string_view::npos && at + directory.size() < path.size() && path[at + directory.size()] == '/';
}

Activity written_to_log(std::string_view path, base::Bytes data) {
  constexpr std::size_t kCountAt = 16;
  const std::string_view text = text_of(data);
  if (text.starts_with("TIDALWAL")) return Activity::SegmentHeader;
  // A new segment gets its name before its first frame.
  const bool is_rewritten = path.ends_with(".wal.tmp");
  if (text.starts_with("TIDALEND")) return is_rewritten ? Activity::Other : Activity::Footer;
  if (text.starts_with("TWFR") && is_rewritten) return Activity::RewrittenFrame;
  if (text.starts_with("TWFR") && text.size() >= kCountAt + 4) {
    std::uint32_t count = 0;
    std::memcpy(&count, text.data() + kCountAt, sizeof count);
    if (count == 0) return Activity::CloseMark;
    return count == 1 ? Activity::Frame : Activity::BatchFrame;
  }
  return path.ends_with(".wal") ? Activity::LogZeroing : Activity::SegmentFill;
}

Activity synced(Activity written) {
  switch (written) {
    case Activity::SegmentHeader: return Activity::SegmentHeaderSync;
    case Activity::Frame:
    case Activity::BatchFrame: return Activity::FrameSync;
    case Activity::Footer: return Activity::FooterSync;
    case Activity::CloseMark: return Activity::CloseMarkSync;
    case Activity::LogZeroing: return Activity::LogZeroingSync;
    case Activity::ViewFile: return Activity::ViewFileSync;
    case Activity::Manifest: return Activity::ManifestSync;
    case Activity::StoreFile: return Activity::StoreFileSync;
    default: return Activity::Other;
  }
}

Activity written_to(std::string_view path, base::Bytes data) {
  if (is_below(path, "/wal")) return written_to_log(path, data);
  if (is_below(path, "/stores")) return Activity::StoreFile;
  if (is_below(path, "/archive")) return Activity::ArchiveFile;
  if (is_below(path, "/base")) {
    if (path.ends_with("/MANIFEST")) return Activity::BaseManifest;
    return path.ends_with("/entity_fields") ? Activity::BaseDump : Activity::BaseFile;
  }
  if (!is_below(path, "/checkpoints")) return Activity::Other;
  return path.ends_with("/MANIFEST") ? Activity::Manifest : Activity::ViewFile;
}

Activity directory_synced(std::string_view path) {
  if (path.ends_with("/wal")) return Activity::LogDirectorySync;
  if (path.ends_with("/stores")) return Activity::StoreDirectorySync;
  if (path.ends_with("/checkpoints")) return Activity::CheckpointDirectorySync;
  if (path.ends_with("/base")) return Activity::BaseDirectorySync;
  if (path.ends_with("/archive")) return Activity::ArchiveDirectorySync;
  return is_below(path, "/checkpoints") ? Activity::CheckpointFilesSync : Activity::Other;
}

Activity renamed_to(std::string_view path) {
  // An old one loses its name before its files go.
  if (path.ends_with(".tmp") && is_below(path, "/base")) return Activity::BaseRemoval;
  if (path.ends_with(".tmp") && is_below(path, "/checkpoints")) return Activity::CheckpointRemoval;
  if (is_below(path, "/wal")) return Activity::SegmentRename;
  if (is_below(path, "/stores")) return Activity::StoreRename;
  if (is_below(path, "/base")) return Activity::BaseRename;
  if (is_below(path, "/archive")) return Activity::ArchiveRename;
  return is_below(path, "/checkpoints") ? Activity::CheckpointRename : Activity::Other;
}

Activity removed(std::string_view path) {
  if (is_below(path, "/wal")) return path.ends_with(".wal") ? Activity::SegmentRemoval : Activity::LogRemoval;
  if (is_below(path, "/base")) return path.ends_with(".tmp") ? Activity::UnnamedBaseRemoval : Activity::BaseRemoval;
  if (!is_below(path, "/checkpoints")) return Activity::Other;
  return path.ends_with(".tmp") ? Activity::UnfinishedRemoval : Activity::CheckpointRemoval;
}

/// A backup has the folders of a database in it.
bool is_of_backup(std::string_view path) { return is_below(path, "/backup") || path.ends_with("/backup"); }

/// The name without its folder and all endings.
std::string_view stem_of(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  return path.substr(0, path.find('.'));
}

}  // namespace

bool is_of_log(const base::FileOperation& operation) {
  if (is_of_backup(operation.path)) return false;
  return is_below(operation.path, "/wal") || operation.path.ends_with("/wal");
}

Activity ActivityReader::observe(const base::FileOperation& operation) {
  if (is_of_backup(operation.path)) return Activity::Backup;
  switch (operation.kind) {
    case Kind::Write: {
      const Activity activity = written_to(operation.path, operation.data);
      if (activity == Activity::RewrittenFrame) rewritten_.emplace(operation.path);
      last_write_.insert_or_assign(std::string(operation.path), activity);
      return activity;
    }
    case Kind::Sync: {
      const auto written = last_write_.find(operation.path);
      return written == last_write_.end() ? Activity::Other : synced(written->second);
    }
    case Kind::SyncDirectory: return directory_synced(operation.path);
    case Kind::Rename: {
      if (rewritten_.erase(std::string(operation.path) + ".tmp") > 0) return Activity::RewrittenRename;
      const Activity activity = renamed_to(operation.path);
      if (activity == Activity::ArchiveRename) archived_ = stem_of(operation.path);
      return activity;
    }
    case Kind::Remove:
    case Kind::RemoveAll: {
      const Activity activity = removed(operation.path);
      const bool archived = activity == Activity::SegmentRemoval && stem_of(operation.path) == archived_;
      return archived ? Activity::ArchivedSegmentRemoval : activity;
    }
    case Kind::Create:
    case Kind::Truncate:
    case Kind::CreateDirectory: break;
  }
  return Activity::Other;
}

}  // namespace tidal::sim
