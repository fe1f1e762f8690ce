// The log: appends frames to the newest segment, syncs them, and streams its records back in order.
//
// W1: seqnos start at 1, rise by one, and survive reopening. W2: after a sync() that returned ok, every record appended
// before it is replayed by every later open, once, in order. W3: a frame is replayed whole or not at all.
// W4: after a failed write or sync nothing more is written; only reopening clears it. A sync is never tried twice.
// W5: a full disk refuses the frame it hits and nothing else.
// W6: retiring a segment loses no record that an archive was asked to keep, and leaves a chain at every moment.
// W7: append times never go back, whatever the clock does.
// W8: rewriting a segment changes records as it was told and nothing else; after a crash each file is the old or the
// new one, and no newer one is new unless all older ones are. Threads: one writer (start, append_frame, roll,
// prepare_next_segment, close); after start() sync, replay, retire_segments_before, rewrite_segments_before and the
// const reads may run beside it and each other.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/mutex.h"
#include "tidal/result.h"
#include "tidal/types.h"
#include "wal/frame.h"
#include "wal/history.h"
#include "wal/next_segment.h"
#include "wal/recovery.h"
#include "wal/rewrite.h"
#include "wal/segment.h"

namespace tidal::wal {

struct LogOptions {
  std::uint64_t segment_bytes = kSegmentBytesDefault;
  std::uint32_t shard_id = 0;
  SeqNo first_seqno{1};            ///< of a log that has no segments yet
  bool prepares_segments = false;  ///< fills the next segment on a thread when the newest is half full
  std::string archive_dir = {};    ///< where archived segments lie; "": none
};

/// Ways for a segment to leave the log's folder.
enum class Retire : std::uint8_t {
  Remove,   ///< its records are gone
  Archive,  ///< compressed into the archive folder; its records can be replayed as before
};

/// What rewriting segments did.
struct Rewritten {
  std::uint64_t segments = 0;
  std::uint64_t records = 0;  ///< changed; a segment in both folders counts once
  SeqNo end;                  ///< all records before it are as they are to be
  bool complete = true;       ///< false: stopped, or a running replay may ask for what was to be changed; call again
};

class Log {
 public:
  /// Returning an error ends the replay with it. The event and its views live until the next call.
  /// Takes up to kEventGroup events of one frame; their views live until it returns.
  using Visitor = std::function<Status(std::span<WalEvent>)>;

  /// Finds out what the log in `dir` holds, which is nothing when there is none, and changes nothing on disk. It can be
  /// replayed; nothing can be appended before start(). Needs no archived segment. Corruption names segment and offset,
  /// or the archive that goes on behind the log's end (H3); FailedPrecondition for a newer format or another shard's
  /// log; IoError; ResourceExhausted.
  [[nodiscard]] static Result<std::unique_ptr<Log>> read(base::FileSystem& fs, const std::string& dir,
                                                         const LogOptions& options);
  /// Accepts what read() found: cuts the torn tail, makes what is kept durable, makes the first segment of a new log.
  /// Once, before the first append. IoError; ResourceExhausted.
  [[nodiscard]] Status start(Timestamp now);
  /// Both of them.
  [[nodiscard]] static Result<std::unique_ptr<Log>> open(base::FileSystem& fs, const std::string& dir,
                                                         const LogOptions& options, Timestamp now);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Seals the frame in its place and writes it; returns its first seqno. Not durable before sync().
  /// IoError (W4), ResourceExhausted (W5).
  [[nodiscard]] Result<SeqNo> append_frame(Frame& frame, Timestamp append_time);
  /// The same for one batch. InvalidArgument when it is empty or too big for a frame, before anything is written.
  [[nodiscard]] Result<SeqNo> append(std::span<const Record> records, Timestamp append_time);
  /// Seals the newest segment and begins the next one, so that all that was appended lies in sealed ones. Nothing when
  /// the newest holds no record. IoError (W4), ResourceExhausted.
  [[nodiscard]] Status roll(Timestamp now);
  /// Makes everything appended before the call durable (W2). Appends go on meanwhile. IoError (W4).
  [[nodiscard]] Status sync();
  /// Fills the next segment's file now, so that rotation need not; for a log that does not do it on a thread. An error
  /// leaves it to the rotation.
  [[nodiscard]] Status prepare_next_segment() { return next_.prepare(); }
  /// Syncs, and leaves a mark that lets the next open tell damage of the last records from a torn write.
  /// Nothing can be appended afterwards.
  [[nodiscard]] Status close(Timestamp now);

  /// Visits every record with a seqno of at least `from` that had been appended when the call began: those before
  /// first_seqno() from the archive, the others without touching it. Corruption names segment and offset, or the seqnos
  /// that neither log nor archive holds; FailedPrecondition for an archive of a newer format.
  [[nodiscard]] Status replay(SeqNo from, const Visitor& visit) const { return replay(from, last_seqno(), visit); }
  /// The same for records up to `through`, which must have been appended.
  [[nodiscard]] Status replay(SeqNo from, SeqNo through, const Visitor& visit) const;

  /// Of the oldest record that the log's own folder holds or will hold.
  [[nodiscard]] SeqNo first_seqno() const;
  /// The oldest seqno from which on archive and log hold every record: the least that replay() accepts.
  [[nodiscard]] SeqNo history_first_seqno() const;
  /// When the segment of that record was begun: the moment of its first append, but in a log's first segment, which
  /// start() makes.
  [[nodiscard]] Timestamp history_since() const;
  // acquire: pairs with the release after the frame was written.
  [[nodiscard]] SeqNo last_seqno() const { return SeqNo{last_.load(std::memory_order_acquire)}; }
  // acquire: pairs with the release in sync().
  [[nodiscard]] SeqNo synced_through() const { return SeqNo{synced_through_.load(std::memory_order_acquire)}; }
  /// Of the newest frame (W7). The writer's to read.
  [[nodiscard]] Timestamp last_append_time() const { return newest_.last_append_time; }
  /// Append time of the last record, as read() found it; none when the newest segment holds no record.
  [[nodiscard]] std::optional<Timestamp> last_record_time() const { return newest_.last_record_time; }
  [[nodiscard]] const RecoveryReport& recovery() const { return recovery_; }
  /// Those in the log's own folder.
  [[nodiscard]] std::vector<SegmentEntry> segments() const;
  /// All in the archive folder, whether they join the log or not; some may be in segments() too.
  [[nodiscard]] std::vector<ArchivedSegment> archived_segments() const;
  /// The error every write gets since a write or sync failed (W4).
  [[nodiscard]] Status health() const;

  /// Takes the segments that hold only records before `seqno` out of the log's folder, oldest first, never the newest
  /// (W6). An archive is durable before its segment is removed. Records that a running replay may still ask for are
  /// not removed: that is left to a later call. A failed archiving changes nothing; after a failed removal nothing more
  /// is retired until the log is opened again. Corruption: the segment is damaged, and stays. InvalidArgument without
  /// archive folder; AlreadyExists, FailedPrecondition as archive_segment(); IoError; ResourceExhausted.
  [[nodiscard]] Status retire_segments_before(SeqNo seqno, Retire how);

  /// Rewrites what of the sealed and the archived segments begins before `seqno` and holds a record that `edit`
  /// changes, oldest first (W8); a segment that is in both folders twice. Cost: reads all of them; a segment's space
  /// besides. Corruption: one of them is damaged or cannot be read, and what is newer stays as it is; IoError;
  /// ResourceExhausted. Before each segment `stops` is asked whether to leave it and what is newer for another call.
  [[nodiscard]] Result<Rewritten> rewrite_segments_before(
      SeqNo seqno, const RecordEdit& edit, const std::function<bool()>& stops = [] { return false; });

 private:
  class RunningReplay;

  Log(base::FileSystem& fs, std::string dir, const LogOptions& options);
  Status make_room(std::uint64_t frame_bytes, Timestamp now);
  Status start_segment(std::uint64_t frame_bytes, Timestamp now);
  Result<std::unique_ptr<base::File>> new_segment_file(SegmentHeader& header);
  Status sync_newest() TIDAL_REQUIRES(sync_mutex_);
  Status seal();
  Status write_at_end(std::string_view bytes);
  Status poison(const Error& cause);
  [[nodiscard]] SeqNo wal_first() const TIDAL_REQUIRES(mutex_);
  /// What a replay from there on reads, in order.
  [[nodiscard]] Result<std::vector<SegmentEntry>> segments_from(SeqNo from) const;
  [[nodiscard]] std::optional<SegmentEntry> oldest_before(SeqNo seqno) const;
  /// Takes the oldest segment off the list, in favour of its archive; false when a running replay needs it.
  bool unlist_oldest(const std::optional<ArchivedSegment>& archived);
  /// Whether a running replay may still ask for records before `end`.
  [[nodiscard]] bool is_replayed_before(SeqNo end) const;
  Status rewrite_listed(const SegmentEntry& entry, SeqNo end, const RecordEdit& edit, Rewritten& done)
      TIDAL_REQUIRES(retire_mutex_);
  Status rewrite_archived(const ArchivedSegment& archived, SeqNo wal_first_seqno, const RecordEdit& edit,
                          Rewritten& done) TIDAL_REQUIRES(retire_mutex_);
  /// Removes the file; puts the segment back on the list when that fails.
  Status remove_unlisted(const SegmentEntry& entry) TIDAL_REQUIRES(retire_mutex_);

  // Constant after construction.
  base::FileSystem& fs_;
  const std::string dir_;
  const LogOptions options_;
  RecoveryReport recovery_;

  // The writer's own; newest_.file is replaced with sync_mutex_ held.
  OpenSegment newest_;
  NextSegment next_;
  bool appended_ = false;  // since the last mark
  bool closed_ = false;
  Frame scratch_;

  std::atomic<std::uint64_t> last_{0};
  std::atomic<std::uint64_t> synced_through_{0};

  // Held during every sync of the newest segment: of two at once, the kernel might tell only one that it failed.
  base::Mutex sync_mutex_;    // taken before mutex_
  base::Mutex retire_mutex_;  // taken before mutex_, never together with sync_mutex_; held during all of a retirement
                              // or rewrite
  Status retire_failure_ TIDAL_GUARDED_BY(retire_mutex_);
  mutable base::Mutex mutex_;
  std::vector<SegmentEntry> segments_ TIDAL_GUARDED_BY(mutex_);
  std::vector<ArchivedSegment> archived_ TIDAL_GUARDED_BY(mutex_);  // all of the folder, by seqno
  mutable std::multiset<SeqNo> replays_ TIDAL_GUARDED_BY(mutex_);   // where the running ones began
  Status poison_ TIDAL_GUARDED_BY(mutex_);
};

}  // namespace tidal::wal
