// From judged segments to a plan: the chain between them, what each damage cost, and when that was appended.
#include "wal/repair.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "wal/recovery.h"
#include "wal/repair_segment.h"

namespace tidal::wal {
namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

struct Finding {
  Damage damage;
  std::optional<std::size_t> rewrite{};  ///< the one it calls for
};

/// A part that is lost.
struct Hole {
  std::size_t finding = 0;
  std::optional<Timestamp> after{};  ///< append time of the first sound frame behind it
};

class Planner {
 public:
  Planner(base::FileSystem& fs, std::string wal_dir, const RepairOptions& options) : fs_(fs), options_(options) {
    plan_.wal_dir = std::move(wal_dir);
  }

  Result<RepairPlan> run() {
    TIDAL_TRY(read_heads());
    last_ = options_.kept_elsewhere;
    if (!heads_.empty()) last_ = std::min(last_, SeqNo{heads_.front().header.first_seqno.value - 1});
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      TIDAL_TRY(fill_up_to(heads_[i].header.first_seqno));
      TIDAL_TRY(take_segment(i));
    }
    note_replaced_end();
    TIDAL_TRY(fill_up_to(options_.synced_through.next()));
    if (rewrites_.empty() && options_.kept_elsewhere != SeqNo{}) begin_anew();
    find_times();
    finish();
    return std::move(plan_);
  }

 private:
  /// Segments in the order of their first seqnos. Of two that begin with the same, the one with the right name counts.
  Status read_heads() {
    if (!fs_.exists(plan_.wal_dir)) return {};
    TIDAL_TRY_ASSIGN(const std::vector<std::string> names, list_segments(fs_, plan_.wal_dir));
    for (const std::string& name : names) {
      TIDAL_TRY_ASSIGN(SegmentHead head, read_segment_head(fs_, plan_.wal_dir, name));
      heads_.push_back(std::move(head));
    }
    const auto order = [](const SegmentHead& a, const SegmentHead& b) {
      return std::pair(a.header.first_seqno, !has_right_name(a)) < std::pair(b.header.first_seqno, !has_right_name(b));
    };
    std::ranges::sort(heads_, order);
    for (std::size_t i = 1; i < heads_.size();) {
      if (heads_[i].header.first_seqno != heads_[i - 1].header.first_seqno) {
        ++i;
        continue;
      }
      Finding finding = finding_of(heads_[i], DamageKind::Name);
      finding.rewrite.reset();
      finding.damage.expected = "a segment that begins with the seqno of its name";
      finding.damage.found = "another copy of " + segment_file_name(heads_[i].header.first_seqno);
      findings_.push_back(std::move(finding));
      plan_.surplus.push_back(heads_[i].name);
      heads_.erase(heads_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return {};
  }

  [[nodiscard]] static bool has_right_name(const SegmentHead& head) {
    return segment_file_name(head.header.first_seqno) == head.name;
  }

  [[nodiscard]] Finding finding_of(const SegmentHead& head, DamageKind kind) const {
    Finding finding;
    finding.damage.kind = kind;
    finding.damage.segment = head.name;
    finding.rewrite = rewrites_.size();
    return finding;
  }

  /// What header, footer and neighbours say of the segment.
  [[nodiscard]] SegmentLimits limits_of(std::size_t i) const {
    const SegmentHead& head = heads_[i];
    SegmentLimits limits{.last_possible = SeqNo{kNoLimit}, .last_certain = options_.synced_through};
    const bool is_newest = i + 1 == heads_.size();
    if (!is_newest) limits.last_possible = SeqNo{heads_[i + 1].header.first_seqno.value - 1};
    // Sound frames past a footer's end are believed: dropping them would lose what is there.
    if (!is_newest) limits.last_certain = limits.last_possible;
    if (head.footer) limits.last_certain = std::min(limits.last_possible, head.footer->last_seqno);
    limits.may_be_torn = is_newest && !head.footer && !head.is_cut_off;
    return limits;
  }

  Status take_segment(std::size_t i) {
    const SegmentLimits limits = limits_of(i);
    TIDAL_TRY_ASSIGN(JudgedSegment segment, judge_segment(fs_, plan_.wal_dir, heads_[i], limits));
    const bool is_newest = i + 1 == heads_.size();
    note_file(segment);
    if (!segment.torn.empty()) plan_.notes.push_back(segment.torn);
    SegmentRewrite rewrite{.source = segment.head.name,
                           .header = segment.head.header,
                           .frame_check = segment.head.frame_check,
                           .frames_end = segment.head.frames_end,
                           .parts = {},
                           .sealed = !is_newest || segment.head.footer.has_value()};
    for (std::size_t n = 0; n < segment.parts.size(); ++n) {
      const JudgedPart& judged = segment.parts[n];
      if (!judged.part.is_kept()) {
        note_part(segment, n);
        TIDAL_TRY(count_lost(judged.part.seqnos));
      }
      rewrite.parts.push_back(judged.part);
    }
    note_footer(segment, is_newest);
    plan_.last_anonymous = std::max(plan_.last_anonymous, segment.last_anonymous);
    last_ = segment.last_seqno;
    rewrites_.push_back(std::move(rewrite));
    return {};
  }

  /// Header, size and name.
  void note_file(const JudgedSegment& segment) {
    const SegmentHead& head = segment.head;
    const std::uint64_t bytes = head.header.segment_bytes;
    if (!head.header_problem.empty()) {
      Finding finding = finding_of(head, DamageKind::Header);
      finding.damage.expected = "a segment header";
      finding.damage.found = head.header_problem;
      finding.damage.open_ended = segment.open_ended;
      findings_.push_back(std::move(finding));
    } else if (head.file_bytes != bytes) {
      Finding finding = finding_of(head, DamageKind::Size);
      finding.damage.offset = std::min(head.file_bytes, bytes);
      finding.damage.expected = "a file of " + std::to_string(bytes) + " bytes";
      finding.damage.found = std::to_string(head.file_bytes);
      finding.damage.open_ended = segment.open_ended;
      findings_.push_back(std::move(finding));
    }
    if (!has_right_name(head)) {
      Finding finding = finding_of(head, DamageKind::Name);
      finding.damage.expected = "the name " + segment_file_name(head.header.first_seqno);
      finding.damage.found = "the name " + head.name;
      findings_.push_back(std::move(finding));
      plan_.surplus.push_back(head.name);
    }
  }

  void note_part(const JudgedSegment& segment, std::size_t n) {
    const JudgedPart& judged = segment.parts[n];
    const bool goes_on = n + 1 < segment.parts.size();
    Finding finding = finding_of(segment.head, goes_on ? DamageKind::Frame : DamageKind::End);
    finding.damage.offset = judged.part.begin;
    finding.damage.lost = judged.part.seqnos;
    finding.damage.expected = judged.expected;
    finding.damage.found = judged.found;
    // At the very end nothing more need have been expected.
    if (!goes_on && judged.part.seqnos.empty()) finding.damage.expected = "zeros behind the last frame";
    const bool is_proven = !segment.head.footer && judged.part.seqnos.last == options_.synced_through;
    if (!goes_on && is_proven && !judged.part.seqnos.empty()) {
      finding.damage.expected +=
          " (the log was synced through seqno " + std::to_string(options_.synced_through.value) + ")";
    }
    finding.damage.earliest = finding.damage.latest = judged.append_time;
    holes_.push_back({.finding = findings_.size()});
    findings_.push_back(std::move(finding));
  }

  void note_footer(const JudgedSegment& segment, bool is_newest) {
    const SegmentHead& head = segment.head;
    const bool ends_soundly = segment.parts.empty() || segment.parts.back().part.is_kept();
    std::string found;
    if (!head.footer && !is_newest && !head.is_cut_off) found = "none that is sound";
    if (head.footer && ends_soundly &&
        (head.footer->last_seqno != segment.last_seqno || head.footer->end_offset != segment.end_offset)) {
      found = "one that ends elsewhere";
    }
    if (found.empty()) return;
    Finding finding = finding_of(head, DamageKind::Footer);
    finding.damage.offset = head.header.frames_end();
    finding.damage.expected = "a footer that ends with seqno " + std::to_string(segment.last_seqno.value);
    finding.damage.found = std::move(found);
    findings_.push_back(std::move(finding));
  }

  /// Nothing holds the seqnos between the end of what was taken and `next`.
  Status fill_up_to(SeqNo next) {
    if (next <= last_.next()) return {};
    const SeqnoRange lost{last_.next(), SeqNo{next.value - 1}};
    TIDAL_TRY(count_lost(lost));
    SegmentRewrite rewrite{.source = "",
                           .header = {.first_seqno = lost.first, .segment_bytes = 0},
                           .parts = {{.seqnos = lost, .first_append = {}, .last_append = {}}},
                           .sealed = true};
    if (!heads_.empty()) rewrite.header.shard_id = heads_.front().header.shard_id;
    Finding finding;
    finding.damage = {.kind = DamageKind::MissingSegment,
                      .segment = segment_file_name(lost.first),
                      .expected = "a segment with " + to_text(lost),
                      .found = "none",
                      .lost = lost};
    finding.rewrite = rewrites_.size();
    holes_.push_back({.finding = findings_.size()});
    findings_.push_back(std::move(finding));
    rewrites_.push_back(std::move(rewrite));
    last_ = lost.last;
    return {};
  }

  /// There is no segment at all, though there was a log: how far it went, nothing tells.
  void begin_anew() {
    const SeqNo first = options_.kept_elsewhere.next();
    Finding finding;
    finding.damage = {.kind = DamageKind::MissingSegment,
                      .segment = segment_file_name(first),
                      .expected = "a segment that begins with seqno " + std::to_string(first.value),
                      .found = "none",
                      .lost = {},
                      .open_ended = true};
    finding.rewrite = 0;
    findings_.push_back(std::move(finding));
    rewrites_.push_back({.source = "", .header = {.first_seqno = first, .segment_bytes = 0}, .parts = {}});
  }

  /// Another segment has the name that the one behind the end would have: it stands where that one was.
  void note_replaced_end() {
    for (Finding& finding : findings_) {
      if (finding.damage.kind != DamageKind::Name) continue;
      finding.damage.open_ended = parse_segment_file_name(finding.damage.segment) == last_.next();
    }
  }

  Status count_lost(const SeqnoRange& lost) {
    if (lost.count() <= kLostRecordsMax - lost_) {
      lost_ += lost.count();
      return {};
    }
    return Error(Code::ResourceExhausted, plan_.wal_dir + ": " + to_text(lost) + " are lost; a repair fills at most " +
                                              std::to_string(kLostRecordsMax) + " places. Take the log from a backup");
  }

  /// What is lost lies between the sound frames around it, in this segment or in others.
  void find_times() {
    std::optional<Timestamp> after;
    std::size_t hole = holes_.size();
    for (auto rewrite = rewrites_.rbegin(); rewrite != rewrites_.rend(); ++rewrite) {
      for (auto part = rewrite->parts.rbegin(); part != rewrite->parts.rend(); ++part) {
        if (part->is_kept()) {
          after = part->first_append;
        } else {
          holes_[--hole].after = after;
        }
      }
    }
    std::optional<Timestamp> before;
    for (SegmentRewrite& rewrite : rewrites_) {
      const bool begins_with_hole = !rewrite.parts.empty() && !rewrite.parts.front().is_kept();
      if (rewrite.header.created_at == Timestamp{}) {  // made up
        const std::optional<Timestamp> next = begins_with_hole ? holes_[hole].after : std::nullopt;
        rewrite.header.created_at = before.value_or(next.value_or(Timestamp{}));
      }
      for (SegmentPart& part : rewrite.parts) {
        if (part.is_kept()) {
          before = part.last_append;
          continue;
        }
        const Hole& here = holes_[hole++];
        part.first_append = part.last_append = before.value_or(here.after.value_or(rewrite.header.created_at));
        Damage& damage = findings_[here.finding].damage;
        if (damage.earliest) continue;  // the frame's own header tells
        damage.earliest = before;
        damage.latest = here.after;
      }
    }
  }

  /// Keeps the rewrites that something calls for.
  void finish() {
    if (!rewrites_.empty()) plan_.first_seqno = rewrites_.front().header.first_seqno;
    std::vector<bool> wanted(rewrites_.size());
    for (Finding& finding : findings_) {
      if (finding.rewrite) wanted[*finding.rewrite] = true;
      plan_.damages.push_back(std::move(finding.damage));
    }
    for (std::size_t i = 0; i < rewrites_.size(); ++i) {
      if (wanted[i]) plan_.rewrites.push_back(std::move(rewrites_[i]));
    }
  }

  base::FileSystem& fs_;
  const RepairOptions options_;
  RepairPlan plan_;
  std::vector<SegmentHead> heads_;
  std::vector<SegmentRewrite> rewrites_;  // one a segment, needed or not
  std::vector<Finding> findings_;
  std::vector<Hole> holes_;  // in the order of the parts
  SeqNo last_;               // of what was taken
  std::uint64_t lost_ = 0;
};

}  // namespace

std::string_view damage_name(DamageKind kind) {
  switch (kind) {
    case DamageKind::Frame: return "bad frame";
    case DamageKind::End: return "bad end";
    case DamageKind::Footer: return "footer";
    case DamageKind::Header: return "header";
    case DamageKind::Size: return "file size";
    case DamageKind::Name: return "file name";
    case DamageKind::MissingSegment: return "no segment";
  }
  return "";
}

std::string to_text(const SeqnoRange& range) {
  if (range.count() == 1) return "seqno " + std::to_string(range.first.value);
  return "seqnos " + std::to_string(range.first.value) + " to " + std::to_string(range.last.value);
}

std::string to_text(const Damage& damage) {
  std::string text = damage.segment + " offset " + std::to_string(damage.offset) + ": expected " + damage.expected +
                     ", found " + damage.found + "; ";
  if (damage.lost.empty()) {
    text += "nothing is lost";
  } else {
    text += to_text(damage.lost) + (damage.lost.count() == 1 ? " is lost" : " are lost");
    if (damage.earliest && damage.latest && *damage.earliest == *damage.latest) {
      text += ", appended at " + to_string(*damage.earliest);
    } else if (damage.earliest && damage.latest) {
      text += ", appended between " + to_string(*damage.earliest) + " and " + to_string(*damage.latest);
    } else if (damage.earliest) {
      text += ", appended at or after " + to_string(*damage.earliest);
    } else if (damage.latest) {
      text += ", appended at or before " + to_string(*damage.latest);
    }
  }
  if (damage.open_ended) text += "; the file may have held more records than can be told from what is left of it";
  return text;
}

std::uint64_t RepairPlan::lost_records() const {
  std::uint64_t sum = 0;
  for (const Damage& damage : damages) sum += damage.lost.count();
  return sum;
}

bool RepairPlan::is_open_ended() const { return std::ranges::any_of(damages, &Damage::open_ended); }

std::optional<SeqNo> RepairPlan::first_lost(SeqNo after) const {
  std::optional<SeqNo> first;
  for (const Damage& damage : damages) {
    if (damage.lost.empty() || damage.lost.last <= after) continue;
    const SeqNo here = std::max(damage.lost.first, after.next());
    if (!first || here < *first) first = here;
  }
  return first;
}

Result<std::optional<SeqNo>> first_in_log(base::FileSystem& fs, const std::string& wal_dir) {
  std::optional<SeqNo> first;
  if (!fs.exists(wal_dir)) return first;
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, list_segments(fs, wal_dir));
  for (const std::string& name : names) {
    TIDAL_TRY_ASSIGN(const SegmentHead head, read_segment_head(fs, wal_dir, name));
    first = std::min(first.value_or(head.header.first_seqno), head.header.first_seqno);
  }
  return first;
}

Result<RepairPlan> plan_repair(base::FileSystem& fs, const std::string& wal_dir, const RepairOptions& options) {
  return Planner(fs, wal_dir, options).run();
}

}  // namespace tidal::wal
