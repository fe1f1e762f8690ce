// Generations of ids, and their image: span of the newest record i64, then of the older and the newer generation span
// zigzag, count varint, and in order of arrival id (16 bytes) and seqno varint.
#include "db/duplicate_window.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "base/bloom_filter.h"
#include "base/chunked_array.h"
#include "base/coding.h"
#include "db/event_id.h"

namespace tidal::db {
namespace {

struct Entry {
  wal::EventId id;
  std::uint64_t seqno;
};
using Entries = base::ChunkedArray<Entry, 10>;

constexpr std::int64_t kNoSpan = std::numeric_limits<std::int64_t>::min();

/// The number of the span that a time lies in; spans before 1970 count too.
std::int64_t span_of(Timestamp at) {
  constexpr std::int64_t kSpanUs = DuplicateWindow::kSpan.us;
  return at.us / kSpanUs - (at.us % kSpanUs < 0 ? 1 : 0);
}

/// Where an entry is, beside enough of its id that a set which grows need not look at the entries.
struct Slot {
  std::uint32_t hash;
  std::uint32_t number;
};
std::uint32_t short_hash(const wal::EventId& id) { return static_cast<std::uint32_t>(id.low >> 32U); }

struct HashOfSlot {
  using is_transparent = void;
  // Spreads 32 bits over 64 (the golden ratio, Knuth, TAOCP 3, 6.4): the set takes both ends.
  static std::size_t spread(std::uint32_t hash) { return hash * 0x9E3779B97F4A7C15U; }
  std::size_t operator()(const Slot& slot) const { return spread(slot.hash); }
  std::size_t operator()(const wal::EventId& id) const { return spread(short_hash(id)); }
};
struct SameId {
  using is_transparent = void;
  const Entries* entries;
  bool operator()(const Slot& a, const Slot& b) const { return a.number == b.number; }
  bool operator()(const Slot& a, const wal::EventId& id) const {
    return a.hash == short_hash(id) && (*entries)[a.number].id == id;
  }
  bool operator()(const wal::EventId& id, const Slot& b) const { return (*this)(b, id); }
};

}  // namespace

/// The ids of one span. Entries never move or change, so an image may read those that were there at its moment.
class DuplicateWindow::Generation {
 public:
  Generation(std::int64_t span, std::size_t bloom_members)
      : span_(span), bloom_(bloom_members), slots_(0, HashOfSlot{}, SameId{&entries_}) {}

  [[nodiscard]] std::int64_t span() const { return span_; }
  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] const Entry& entry(std::uint32_t number) const { return entries_[number]; }

  /// 0: not there.
  [[nodiscard]] SeqNo find(const wal::EventId& id, std::uint64_t& false_positives) const {
    if (!bloom_.may_hold(id.low, id.high)) return {};
    const auto found = slots_.find(id);
    if (found != slots_.end()) return SeqNo{entries_[found->number].seqno};
    ++false_positives;
    return {};
  }
  /// Fetches what find() will read, and add() write. Inlined before gcc judges it: a function that does nothing else
  /// counts as one without effect, and calls of it are dropped.
  [[gnu::always_inline]] void prefetch(const wal::EventId& id) const {
    bloom_.prefetch(id.low);
    slots_.prefetch(id);
  }
  /// Nothing when it is there already.
  void add(const wal::EventId& id, SeqNo seqno) {
    if (bloom_.may_hold(id.low, id.high) && slots_.contains(id)) return;
    entries_.at_grown(count_) = {.id = id, .seqno = seqno.value};
    slots_.insert({.hash = short_hash(id), .number = count_});
    bloom_.add(id.low, id.high);
    ++count_;
  }
  [[nodiscard]] std::size_t memory_bytes() const {
    return sizeof *this + entries_.memory_bytes() + slots_.capacity() * (sizeof(Slot) + 1) +
           std::min(bloom_.bytes(), std::size_t{count_} * 4096);  // of the filter, the pages that can be backed
  }

 private:
  const std::int64_t span_;
  std::uint32_t count_ = 0;
  Entries entries_;
  base::BloomFilter bloom_;
  absl::flat_hash_set<Slot, HashOfSlot, SameId> slots_;
};

namespace {

/// The generations as they were; the entries behind the counts are read when it is written.
class WindowImage final : public materializer::CheckpointImage {
 public:
  explicit WindowImage(std::int64_t span) : span_(span) {}
  void add(std::shared_ptr<const DuplicateWindow::Generation> generation) {
    counts_.push_back(generation ? generation->count() : 0);
    generations_.push_back(std::move(generation));
  }
  Status write_to(std::string& out) const override {
    base::Encoder image;
    image.i64(span_);
    for (std::size_t i = 0; i < generations_.size(); ++i) {
      image.zigzag(counts_[i] == 0 ? 0 : generations_[i]->span());
      image.varint(counts_[i]);
      for (std::uint32_t number = 0; number < counts_[i]; ++number) {
        const Entry& entry = generations_[i]->entry(number);
        image.u64(entry.id.low);
        image.u64(entry.id.high);
        image.varint(entry.seqno);
      }
    }
    out += image.str();
    return {};
  }

 private:
  const std::int64_t span_;
  std::vector<std::shared_ptr<const DuplicateWindow::Generation>> generations_;
  std::vector<std::uint32_t> counts_;
};

}  // namespace

DuplicateWindow::DuplicateWindow(std::size_t ids_max, std::size_t bloom_members)
    : ids_max_(ids_max), bloom_members_(bloom_members), first_span_(kNoSpan), span_(kNoSpan) {}

DuplicateWindow::~DuplicateWindow() = default;

void DuplicateWindow::expect_newest(Timestamp newest) { first_span_ = span_of(newest) - 1; }

void DuplicateWindow::identify(std::span<wal::WalEvent> events) const {
  for (wal::WalEvent& event : events) {
    if (span_of(event.append_time) >= first_span_) event.record.event_id = event_id_of(event.record);
  }
}

void DuplicateWindow::prefetch(std::span<const wal::WalEvent> events) const noexcept {
  const base::MutexLock lock(mutex_);
  if (!newer_) return;
  for (const wal::WalEvent& event : events) {
    if (!event.record.event_id.is_none()) newer_->prefetch(event.record.event_id);
  }
}

void DuplicateWindow::find_first(std::span<const wal::EventId> ids, Timestamp now, std::span<SeqNo> first) const {
  const std::int64_t oldest = span_of(now) - 1;
  std::ranges::fill(first, SeqNo{});
  // In pieces: the applier wants the lock too.
  for (std::size_t begin = 0; begin < ids.size(); begin += wal::kEventGroup) {
    const std::size_t end = std::min(ids.size(), begin + wal::kEventGroup);
    const base::MutexLock lock(mutex_);
    // The older one first: its seqno is the first.
    for (const Generation* generation : {older_.get(), newer_.get()}) {
      if (generation == nullptr || generation->span() < oldest) continue;
      for (std::size_t i = begin; i < end; ++i) generation->prefetch(ids[i]);
      for (std::size_t i = begin; i < end; ++i) {
        if (!ids[i].is_none() && first[i] == SeqNo{}) first[i] = generation->find(ids[i], false_positives_);
      }
    }
  }
}

SeqNo DuplicateWindow::first_of(const wal::EventId& id, Timestamp now) const {
  SeqNo first;
  find_first({&id, 1}, now, {&first, 1});
  return first;
}

bool DuplicateWindow::holds(const wal::EventId& id) const {
  const base::MutexLock lock(mutex_);
  return (older_ && older_->find(id, false_positives_) != SeqNo{}) ||
         (newer_ && newer_->find(id, false_positives_) != SeqNo{});
}

std::uint64_t DuplicateWindow::false_positives() const {
  const base::MutexLock lock(mutex_);
  return false_positives_;
}

void DuplicateWindow::on_event(const wal::WalEvent& event) noexcept {
  advance(event.append_time);
  if (span_ < first_span_) return;
  const wal::EventId& known = event.record.event_id;
  const wal::EventId id = known.is_none() ? event_id_of(event.record) : known;
  if (id.is_none()) return;
  const base::MutexLock lock(mutex_);
  if (newer_ && newer_->count() >= ids_max_) older_ = std::move(newer_);
  if (!newer_) newer_ = std::make_shared<Generation>(span_, bloom_members_);
  newer_->add(id, event.seqno);
}

/// Append times never go back; logs of old may, and then count as standing still.
void DuplicateWindow::advance(Timestamp append_time) {
  const std::int64_t span = span_of(append_time);
  if (span <= span_) return;
  const base::MutexLock lock(mutex_);
  older_ = span == span_ + 1 ? std::move(newer_) : nullptr;
  newer_ = nullptr;
  span_ = span;
}

std::unique_ptr<materializer::CheckpointImage> DuplicateWindow::checkpoint() {
  auto image = std::make_unique<WindowImage>(span_);
  const base::MutexLock lock(mutex_);
  image->add(older_);
  image->add(newer_);
  return image;
}

Status DuplicateWindow::on_restore(std::string_view image) {
  const auto damaged = [](const char* what) {
    return Error(Code::Corruption, std::string("image of the duplicates: ") + what);
  };
  base::Decoder in(image);
  span_ = in.i64();
  std::shared_ptr<Generation> read[2];
  for (std::shared_ptr<Generation>& generation : read) {
    const std::int64_t span = in.zigzag();
    const std::uint64_t count = in.varint();
    if (!in.ok() || count > ids_max_) return damaged("cut short, or a generation of too many ids");
    if (count == 0) continue;
    if (span > span_ || span < span_ - 1) return damaged("a generation that is not of the last two spans");
    generation = std::make_shared<Generation>(span, bloom_members_);
    for (std::uint64_t n = 0; n < count && in.ok(); ++n) {
      wal::EventId id;
      id.low = in.u64();
      id.high = in.u64();
      const SeqNo seqno{in.varint()};
      if (in.ok()) generation->add(id, seqno);
    }
    if (generation->count() != count) return damaged("cut short, or an id is there twice");
  }
  if (!in.ok() || !in.at_end()) return damaged("bytes are left over");
  if (read[1] && read[1]->span() != span_) return damaged("the newer generation is not of the last span");
  const base::MutexLock lock(mutex_);
  older_ = std::move(read[0]);
  newer_ = std::move(read[1]);
  return {};
}

void DuplicateWindow::on_reset() {
  span_ = kNoSpan;
  const base::MutexLock lock(mutex_);
  older_ = nullptr;
  newer_ = nullptr;
}

void DuplicateWindow::digest(materializer::DigestSink& sink) const {
  const base::MutexLock lock(mutex_);
  std::uint8_t place = 0;
  for (const Generation* generation : {older_.get(), newer_.get()}) {
    ++place;
    for (std::uint32_t number = 0; generation != nullptr && number < generation->count(); ++number) {
      const Entry& entry = generation->entry(number);
      base::Encoder key;
      key.u8(place);
      key.u64(entry.id.low);
      key.u64(entry.id.high);
      base::Encoder value;
      value.i64(generation->span());
      value.u64(entry.seqno);
      sink.add(key.str(), value.str());
    }
  }
}

std::size_t DuplicateWindow::memory_bytes() const {
  const base::MutexLock lock(mutex_);
  return sizeof *this + (older_ ? older_->memory_bytes() : 0) + (newer_ ? newer_->memory_bytes() : 0);
}

}  // namespace tidal::db
