// Checkpoints on disk: a directory a seqno with one file a view and a manifest, written aside and renamed.
//
// P1: a checkpoint directory without ".tmp" in its name was complete and synced when it got that name.
// P2: no checkpoint at seqno S is renamed before the log is synced through S (the caller's duty, see write()).
// P3: restore leaves every view at the same seqno, or every view reset.
// Format: docs/formats/checkpoint.md. Threads: externally synchronized.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "materializer/registry.h"

namespace tidal::materializer {

inline constexpr std::uint32_t kCheckpointFormat = 1;
inline constexpr std::size_t kCheckpointsKept = 2;

/// One view's image between capture and write.
struct CapturedView {
  std::string view;
  std::uint32_t logic_version = 0;
  std::unique_ptr<CheckpointImage> image;
};

/// All views at one seqno, detached from the live ones.
struct Capture {
  SeqNo seqno;
  std::uint32_t schema_version = 0;
  std::vector<CapturedView> views;
};

struct ManifestEntry {
  std::string view;
  std::uint32_t logic_version = 0;
  std::uint64_t bytes = 0;
  std::uint32_t checksum = 0;  ///< CRC32C of the file
};

struct Manifest {
  SeqNo seqno;
  std::uint32_t schema_version = 0;
  Timestamp created_at;
  std::vector<ManifestEntry> entries;
};

[[nodiscard]] std::string encode_manifest(const Manifest& manifest);
/// Corruption, or FailedPrecondition for a newer format (naming both).
[[nodiscard]] Result<Manifest> decode_manifest(std::string_view bytes);

/// Images of every view; writers must not run meanwhile.
[[nodiscard]] Capture capture(const Registry& registry, SeqNo seqno, std::uint32_t schema_version);

class CheckpointDirectory {
 public:
  CheckpointDirectory(base::FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}

  /// Writes, syncs and renames; then removes what is older than the newest kCheckpointsKept. The log must be synced
  /// through capture.seqno before this is called (P2). Each image is let go as soon as it is written.
  /// IoError, ResourceExhausted.
  [[nodiscard]] Status write(Capture capture, Timestamp now);

  /// Seqnos of complete checkpoints, newest first.
  [[nodiscard]] Result<std::vector<SeqNo>> list() const;
  [[nodiscard]] Result<Manifest> manifest(SeqNo seqno) const;

  /// Restores every view from the newest checkpoint at or below `newest_allowed` that verifies. Returns its seqno, or 0
  /// with all views reset when there is none; `notes` tells what was skipped and why.
  /// FailedPrecondition when a checkpoint was written by a newer version.
  [[nodiscard]] Result<SeqNo> restore(const Registry& registry, SeqNo newest_allowed, std::vector<std::string>& notes);

  /// Checks manifest and every file of every checkpoint; one line a defect.
  [[nodiscard]] Result<std::vector<std::string>> verify() const;
  /// The same for one checkpoint.
  [[nodiscard]] std::vector<std::string> verify(SeqNo seqno) const;
  /// Where the checkpoint lies.
  [[nodiscard]] std::string directory_of(SeqNo seqno) const;

  /// Seqno of the newest checkpoint with a sound manifest, 0 when there is none. By P2 the log was synced through it.
  [[nodiscard]] Result<SeqNo> newest() const;

  /// What a crash left half-written.
  [[nodiscard]] Status remove_unfinished();

 private:
  [[nodiscard]] Status write_aside(Capture& capture, Timestamp now, const std::string& aside);
  [[nodiscard]] Result<std::string> read_view_file(SeqNo seqno, const ManifestEntry& entry) const;
  [[nodiscard]] Status restore_one(const Registry& registry, SeqNo seqno);

  base::FileSystem& fs_;
  std::string path_;
};

}  // namespace tidal::materializer
