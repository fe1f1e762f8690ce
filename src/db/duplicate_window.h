// The ids of the events of the last 10 to 20 minutes, each with its first seqno: the view that duplicates are found by.
//
// Two generations: the events appended in one span of 10 minutes, and those of the span before. A generation that holds
// kIdsMax ids ends early, so the window may be shorter under a load above 6,000 such events a second.
// U1: a generation is a function of the records of its span: spans are cut from absolute append time, and before an id
//     is added it is looked for in its own generation only. So of a replay only the last two spans matter.
// U2: a Bloom filter stands before each exact set, never in its place: what it passes is looked up.
// Threads: applier's side as Materializer; find_first(), first_of() and holds() from any thread.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/mutex.h"
#include "materializer/materializer.h"
#include "wal/duplicates.h"

namespace tidal::db {

class DuplicateWindow final : public materializer::Materializer, public wal::AppliedIds {
 public:
  static constexpr Duration kSpan = minutes(10);
  static constexpr std::size_t kIdsMax = std::size_t{4} << 20;

  /// `bloom_members` below `ids_max` makes the filters pass more than they should; for tests.
  explicit DuplicateWindow(std::size_t ids_max = kIdsMax, std::size_t bloom_members = kIdsMax);
  ~DuplicateWindow() override;

  /// Of a replay up to records appended at `newest`: what is too old to be left in the window is not hashed.
  void expect_newest(Timestamp newest);
  /// Gives replayed events the ids that they had when they were written, where they matter here. It only saves time:
  /// from then on prefetch() knows what will be touched.
  void identify(std::span<wal::WalEvent> events) const;

  void find_first(std::span<const wal::EventId> ids, Timestamp now, std::span<SeqNo> first) const override;
  /// find_first() of one id.
  [[nodiscard]] SeqNo first_of(const wal::EventId& id, Timestamp now) const;
  [[nodiscard]] bool holds(const wal::EventId& id) const override;
  /// How often a filter passed what its set did not hold.
  [[nodiscard]] std::uint64_t false_positives() const;

  [[nodiscard]] std::string_view name() const override { return "duplicates"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::Global; }
  /// Ids are hashes of which nothing can be read, and gone after two spans.
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Aggregate; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 1; }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void prefetch(std::span<const wal::WalEvent> events) const noexcept override;
  void digest(materializer::DigestSink& sink) const override;
  void erase_user(Ordinal) noexcept override {}
  [[nodiscard]] std::size_t memory_bytes() const override;

  class Generation;

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  void on_void(const wal::WalEvent& event) noexcept override { advance(event.append_time); }
  [[nodiscard]] Status on_restore(std::string_view image) override;
  void on_reset() override;
  void advance(Timestamp append_time);

  const std::size_t ids_max_;
  const std::size_t bloom_members_;
  // The applier's.
  std::int64_t first_span_;  // what came earlier leaves nothing behind (U1)
  std::int64_t span_;        // of the newest record
  mutable base::Mutex mutex_;
  mutable std::uint64_t false_positives_ TIDAL_GUARDED_BY(mutex_) = 0;
  // shared: an image that is being written keeps its generations. Null where there are no ids.
  std::shared_ptr<Generation> older_ TIDAL_GUARDED_BY(mutex_);  // of the span before, or of this one and full
  std::shared_ptr<Generation> newer_ TIDAL_GUARDED_BY(mutex_);  // of this span
};

}  // namespace tidal::db
