// Repairing a damaged log: first a plan that says what is lost, then new files beside which the damaged ones are kept.
//
// R1: planning only reads. R2: seqnos stay without holes: what is lost becomes Empty records with kFlagLost, and every
// sound record keeps its seqno and its bytes. R3: a file is replaced only after its damaged original was copied aside
// and synced, and by a file that is whole and synced; so a crash at any operation leaves a log of which the next plan
// makes the same. R4: a repaired log has nothing left to repair.
// What an open cuts off by itself (a torn tail) is no damage. What counts as which damage: docs/durability.md.
// Threads: nobody else may have the log open.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"
#include "tidal/types.h"
#include "wal/segment.h"

namespace tidal::wal {

/// Both ends included; empty when `last` comes before `first`.
struct SeqnoRange {
  SeqNo first{1};
  SeqNo last{};
  [[nodiscard]] std::uint64_t count() const { return last < first ? 0 : last.value - first.value + 1; }
  [[nodiscard]] bool empty() const { return count() == 0; }
};
/// "seqno 7", "seqnos 7 to 9".
[[nodiscard]] std::string to_text(const SeqnoRange& range);

enum class DamageKind : std::uint8_t {
  Frame,           ///< a bad place with sound frames behind it
  End,             ///< a bad place with nothing sound behind it, or a log that ends too early
  Footer,          ///< missing or wrong, though a segment follows
  Header,          ///< the header page
  Size,            ///< the file is shorter or longer than its header says
  Name,            ///< the file's name and its header disagree
  MissingSegment,  ///< no file holds these seqnos
};
/// "bad frame", "bad end", "footer", "header", "file size", "file name", "no segment".
[[nodiscard]] std::string_view damage_name(DamageKind kind);

/// One thing that is not as it was written, and what it cost.
struct Damage {
  DamageKind kind = DamageKind::Frame;
  std::string segment;  ///< file name
  std::uint64_t offset = 0;
  std::string expected;
  std::string found;
  SeqnoRange lost;
  bool open_ended = false;              ///< records behind the last one known may be lost, and nothing tells how many
  std::optional<Timestamp> earliest{};  ///< what is lost was appended at or after this, as far as its neighbours tell
  std::optional<Timestamp> latest{};    ///< and at or before this
};
/// One line for people: segment, offset, what was expected, what was found, which seqnos are lost and from when.
[[nodiscard]] std::string to_text(const Damage& damage);

/// Sound frames that are kept, or a place that Empty records fill; in the order of their seqnos.
struct SegmentPart {
  std::uint64_t begin = 0;  ///< of the frames in the damaged file
  std::uint64_t end = 0;    ///< equal to `begin`: nothing there is kept
  SeqnoRange seqnos;        ///< of the records that are kept, or lost
  Timestamp first_append;   ///< of the frames kept; what Empty records get
  Timestamp last_append;
  [[nodiscard]] bool is_kept() const { return end > begin; }
};

/// A segment that is written anew.
struct SegmentRewrite {
  std::string source;             ///< name of the damaged file; "" when there is none
  SegmentHeader header;           ///< of the new one; it gets more bytes when the parts need them
  std::uint32_t frame_check = 0;  ///< what the frames of the damaged file repeat of its header
  std::uint64_t frames_end = 0;   ///< no frame of the damaged file reaches past this
  std::vector<SegmentPart> parts;
  bool sealed = false;
};

struct RepairPlan {
  std::string wal_dir;
  std::vector<Damage> damages;           ///< in the order of the log
  std::vector<std::string> notes;        ///< what is unusual and no damage, a line each
  std::vector<SegmentRewrite> rewrites;  ///< in the order of the log
  std::vector<std::string> surplus;      ///< names of files that another one stands for; put aside
  SeqNo first_seqno;                     ///< of the repaired log; 0: it has no segment
  SeqNo last_anonymous;                  ///< of the last record that an erasure made anonymous; 0: none
  [[nodiscard]] bool empty() const { return damages.empty(); }
  [[nodiscard]] std::uint64_t lost_records() const;
  /// Some damage is open-ended.
  [[nodiscard]] bool is_open_ended() const;
  /// The first seqno lost behind `after`, if any.
  [[nodiscard]] std::optional<SeqNo> first_lost(SeqNo after = {}) const;
};

struct RepairOptions {
  /// Something beside the log proves that it was synced through this seqno.
  SeqNo synced_through{};
  /// The log may begin anywhere up to the seqno after this one: what comes before is kept elsewhere.
  SeqNo kept_elsewhere{};
};

/// A repair fills at most so many places; a log that lost more is beyond it.
inline constexpr std::uint64_t kLostRecordsMax = 100'000'000;

/// With which seqno the log in `wal_dir` begins, whatever its files are called; nothing without any. The same errors.
[[nodiscard]] Result<std::optional<SeqNo>> first_in_log(base::FileSystem& fs, const std::string& wal_dir);

/// Finds out what is wrong with the log in `wal_dir` and what repairing it would cost; changes nothing. A directory
/// that does not exist is an empty log. FailedPrecondition when anything is of a newer format; ResourceExhausted when
/// more than kLostRecordsMax records are lost; IoError. Cost: reads every segment once.
[[nodiscard]] Result<RepairPlan> plan_repair(base::FileSystem& fs, const std::string& wal_dir,
                                             const RepairOptions& options = {});

/// Carries out the plan; damaged files are copied into `aside_dir` under names that are free there. After an error or a
/// crash: plan again. Corruption when the files changed since the plan was made; IoError; ResourceExhausted.
[[nodiscard]] Status apply_repair(base::FileSystem& fs, const RepairPlan& plan, const std::string& aside_dir);

/// Copies the file at `path` into `dir`, as `name` or, when that is taken, `name`.2 and so on; durable on return.
[[nodiscard]] Status copy_aside(base::FileSystem& fs, const std::string& path, const std::string& dir,
                                const std::string& name);

}  // namespace tidal::wal
