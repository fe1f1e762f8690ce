// Checkpoints on disk: a directory a seqno with one file a view and a manifest, written aside and renamed.
//
// P1: a checkpoint directory without ".tmp" in its name was complete and synced when it got that name.
// P2: no checkpoint at seqno S is renamed before the log is synced through S (the caller's duty, see write()).
//     A name may be there without its directory having been synced: where something else is given up for the sake of a
//     checkpoint, sync_names() comes first.
// P3: restore leaves every view at the same seqno, or every view reset.
// A base is a checkpoint that needs nothing besides itself: it also holds, in a file each, what views keep in stores.
// Format: docs/formats/checkpoint.md. Threads: externally synchronized.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/file_writer.h"
#include "materializer/registry.h"

namespace tidal::materializer {

inline constexpr std::uint32_t kCheckpointFormat = 1;

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

/// A file of a base with the content of a store as of its seqno, and what is done with it.
struct StoreFile {
  std::string name;          ///< no view's
  std::string view;          ///< whose store it is: without that view it is left alone
  std::uint32_t format = 1;  ///< of its content
  /// Called when all images have been written.
  std::function<Status(base::FileWriter& out)> write;
  /// Called before any view is restored; the file's checksum is right.
  std::function<Status(const std::string& path, SeqNo seqno)> load;
  /// Called instead where the view begins at a base that does not know it (M7).
  std::function<Status()> clear;
};

/// Both ends belong to it. Records that follow the state must be there, and those in it must not be gone from the log.
struct SeqNoRange {
  SeqNo first;
  SeqNo last;
};

struct CheckpointPolicy {
  std::size_t kept = 2;    ///< older ones are removed
  bool read_back = false;  ///< every file is read and compared with what was written before the checkpoint counts
  /// Images of older logic are restored as far as their views read them, and views that have none begin there where
  /// they may (M7), since nothing else may hold what the base does.
  bool reads_older_images = false;
};

class CheckpointDirectory {
 public:
  CheckpointDirectory(base::FileSystem& fs, std::string path, CheckpointPolicy policy = {})
      : fs_(fs), path_(std::move(path)), policy_(policy) {}

  /// What becomes of a sound checkpoint of the same seqno.
  enum class Same : std::uint8_t { Stays, Replaced };

  /// Writes, syncs and renames; then removes the older ones beyond what the policy keeps. The log must be synced
  /// through capture.seqno before this is called (P2). Each image is let go as soon as it is written.
  /// Same::Replaced: a view was built anew since the one that is there.
  /// IoError, ResourceExhausted; Corruption when what is read back is not what was written.
  [[nodiscard]] Status write(Capture capture, Timestamp now, std::span<const StoreFile> stores = {},
                             Same same = Same::Stays);

  /// The same with the images of another directory's checkpoint instead of captured ones, without those of views whose
  /// store is in `lost`. Corruption when one of its files is damaged.
  [[nodiscard]] Status copy_from(const CheckpointDirectory& other, SeqNo seqno, std::span<const StoreFile> stores,
                                 std::span<const std::string> lost = {});

  /// Makes sure that the checkpoints which are there now are there after a loss of power: of one that an earlier write
  /// failed to name, only that write knew. Nothing without a directory. IoError, ResourceExhausted.
  [[nodiscard]] Status sync_names() const;

  /// Seqnos of complete checkpoints, newest first.
  [[nodiscard]] Result<std::vector<SeqNo>> list() const;
  [[nodiscard]] Result<Manifest> manifest(SeqNo seqno) const;

  /// FailedPrecondition when the images at `seqno` are of logic that the views do not read, or a view has none there:
  /// names the first such view, its version and theirs.
  [[nodiscard]] Status check_versions(const Registry& registry, SeqNo seqno) const;
  /// FailedPrecondition names the first file of a newer format, in any checkpoint, and both formats. What is damaged
  /// passes: it is judged where it is read. Cost: reads the manifests and the first bytes of each view's file.
  [[nodiscard]] Status check_formats() const;

  /// Restores every view from the newest checkpoint within `usable` that verifies. Returns its seqno, or 0
  /// with all views reset when there is none; `notes` tells what was skipped and why.
  /// FailedPrecondition when a checkpoint was written by a newer version; ResourceExhausted; IoError and
  /// PermissionDenied when a store could not be written.
  [[nodiscard]] Result<SeqNo> restore(const Registry& registry, SeqNoRange usable, std::vector<std::string>& notes,
                                      std::span<const StoreFile> stores = {});

  /// Checks manifest and every file of every checkpoint; one line a defect. Errors as defects().
  [[nodiscard]] Result<std::vector<std::string>> verify() const;
  /// The same for one checkpoint; an error that ends the reading counts as a defect.
  [[nodiscard]] std::vector<std::string> verify(SeqNo seqno) const;
  /// The same, told from what only keeps a sound file from being read: PermissionDenied, ResourceExhausted, IoError.
  [[nodiscard]] Result<std::vector<std::string>> defects(SeqNo seqno) const;
  /// Where the checkpoint lies.
  [[nodiscard]] std::string directory_of(SeqNo seqno) const;

  /// Seqno of the newest checkpoint with a sound manifest, 0 when there is none. By P2 the log was synced through it.
  [[nodiscard]] Result<SeqNo> newest() const;

  /// Removes those below `seqno`.
  [[nodiscard]] Status remove_before(SeqNo seqno);
  /// What a crash left half-written.
  [[nodiscard]] Status remove_unfinished();

 private:
  [[nodiscard]] Status write_manifest(Manifest manifest, std::span<const StoreFile> stores, const std::string& aside);
  [[nodiscard]] Result<bool> have_same_logic(const std::string& one, const std::string& other) const;
  [[nodiscard]] Status name(SeqNo seqno, const Status& written, const std::string& aside, Same same);
  [[nodiscard]] Status remove(SeqNo seqno);
  [[nodiscard]] Status write_aside(Capture& capture, Timestamp now, std::span<const StoreFile> stores,
                                   const std::string& aside);
  [[nodiscard]] Status check_file(const std::string& path, const ManifestEntry& entry) const;
  [[nodiscard]] Result<std::string> read_view_file(SeqNo seqno, const ManifestEntry& entry) const;
  [[nodiscard]] Status check_versions(const Registry& registry, const Manifest& manifest, bool may_begin) const;
  [[nodiscard]] Status check_format(const std::string& path, const ManifestEntry& entry) const;
  [[nodiscard]] Result<Manifest> judge_one(const Registry& registry, SeqNo seqno, bool has_stores,
                                           bool may_begin) const;
  [[nodiscard]] Status load_stores(const Manifest& manifest, const Registry& registry,
                                   std::span<const StoreFile> stores) const;
  [[nodiscard]] Status load_views(const Manifest& manifest, const Registry& registry) const;

  base::FileSystem& fs_;
  std::string path_;
  CheckpointPolicy policy_;
};

}  // namespace tidal::materializer
