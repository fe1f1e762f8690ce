// Fan-out over the registered views, and the digest of what they hold.
#include "materializer/registry.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/coding.h"
#include "base/hash.h"

namespace tidal::materializer {
namespace {

/// Sum modulo 2^128 of the pairs' hashes: independent of order, sensitive to every pair and to their number.
class SumSink final : public DigestSink {
 public:
  void add(std::string_view key, std::string_view value) override {
    encoder_.clear();
    encoder_.string(key);
    encoder_.string(value);
    const base::Hash128 h = base::xxh3_128(encoder_.str());
    sum_.low += h.low;
    sum_.high += h.high + (sum_.low < h.low ? 1 : 0);
    ++pairs_;
  }
  [[nodiscard]] std::uint64_t pairs() const { return pairs_; }
  [[nodiscard]] std::string hex() const { return base::to_hex(sum_); }

 private:
  base::Encoder encoder_;
  base::Hash128 sum_;
  std::uint64_t pairs_ = 0;
};

constexpr std::size_t kGroupThatOverlaps = 8;  // events

/// Whether views must take the event before the next one reads the roots. Other events add to them no more than a user
/// of whom nothing else is known.
bool changes_roots(const wal::WalEvent& event) {
  switch (event.record.type) {
    case wal::RecordType::SchemaChange:
    case wal::RecordType::PutEntity:
    case wal::RecordType::UpdateEntity:
    case wal::RecordType::DeleteEntity:
    case wal::RecordType::Erase: return true;
    case wal::RecordType::Signal:
    case wal::RecordType::Unsignal:
    case wal::RecordType::Relate:
    case wal::RecordType::Unrelate:
    case wal::RecordType::Hide:
    case wal::RecordType::Unhide:
    case wal::RecordType::ImportMark:
    case wal::RecordType::Empty: return false;
  }
  return false;  // a record type of a later version, which is void
}

/// Those from the beginning that change the roots, or those that do not.
std::span<wal::WalEvent> alike(std::span<wal::WalEvent> events) {
  const bool first = changes_roots(events.front());
  const auto end = std::ranges::find_if(events, [first](const auto& event) { return changes_roots(event) != first; });
  return events.first(static_cast<std::size_t>(end - events.begin()));
}

}  // namespace

void Registry::add(std::unique_ptr<Materializer> view) {
  TIDAL_ASSERT(find(view->name()) == nullptr);
  views_.push_back(std::move(view));
}

void Registry::add_root(std::unique_ptr<Materializer> view) {
  TIDAL_ASSERT(roots_ == views_.size());
  add(std::move(view));
  ++roots_;
}

void Registry::apply(std::span<wal::WalEvent> events) noexcept {
  TIDAL_DCHECK(resolver_ != nullptr && events.size() <= wal::kEventGroup);
  resolver_->look_ahead(events);
  // M2 for the resolver too: a key that was forgotten since must not get an ordinal from the records before that.
  const SeqNo applied = min_applied();
  while (!events.empty() && events.front().seqno <= applied) events = events.subspan(1);
  while (!events.empty()) {
    const std::span<wal::WalEvent> next = alike(events);
    events = events.subspan(next.size());
    if (changes_roots(next.front())) {
      resolve_into(next, views_);
      continue;
    }
    resolve_into(next, Views(views_).first(roots_));
    const Views derived = Views(views_).subspan(roots_);
    // By itself an event waits some thirty times for memory, one wait after the other. Those of a group overlap in each
    // view; those of a few events overlap with the next views'.
    const bool is_small = next.size() < kGroupThatOverlaps;
    if (is_small) {
      for (const auto& view : derived) view->prefetch(next);
    }
    for (const auto& view : derived) {
      if (!is_small) view->prefetch(next);
      for (const wal::WalEvent& event : next) view->apply(event);
    }
  }
}

/// Event by event.
void Registry::resolve_into(std::span<wal::WalEvent> events, Views views) noexcept {
  if (events.size() > 1) {
    for (const auto& view : views) view->prefetch(events);
  }
  for (wal::WalEvent& event : events) {
    resolver_->resolve(event);
    for (const auto& view : views) view->apply(event);
  }
}

Materializer* Registry::find(std::string_view name) const {
  const auto it = std::ranges::find(views_, name, [](const auto& view) { return view->name(); });
  return it == views_.end() ? nullptr : it->get();
}

std::unique_ptr<Materializer> Registry::replace(std::unique_ptr<Materializer> view) {
  const auto it = std::ranges::find(views_, view->name(), [](const auto& each) { return each->name(); });
  TIDAL_ASSERT(it != views_.end());
  return std::exchange(*it, std::move(view));
}

std::unique_ptr<Materializer> Registry::release(std::string_view name) {
  const auto it = std::ranges::find(views_, name, [](const auto& each) { return each->name(); });
  TIDAL_ASSERT(it != views_.end());
  std::unique_ptr<Materializer> view = std::move(*it);
  if (it - views_.begin() < static_cast<std::ptrdiff_t>(roots_)) --roots_;
  views_.erase(it);
  return view;
}

SeqNo Registry::min_applied() const {
  SeqNo least{views_.empty() ? 0 : ~std::uint64_t{0}};
  for (const auto& view : views_) least = std::min(least, view->applied());
  return least;
}

void Registry::reset_all() {
  for (const auto& view : views_) view->reset();
}

std::vector<ViewDigest> Registry::digest_by_view() const {
  std::vector<ViewDigest> lines;
  lines.reserve(views_.size());
  for (const auto& view : views_) lines.push_back(digest_of(*view));
  return lines;
}

ViewDigest digest_of(const Materializer& view) {
  SumSink sink;
  view.digest(sink);
  return {.view = std::string(view.name()), .hex = sink.hex(), .pairs = sink.pairs()};
}

std::string combined_digest(const std::vector<ViewDigest>& views) {
  SumSink sink;
  for (const ViewDigest& line : views) sink.add(line.view, line.hex);
  return sink.hex();
}

}  // namespace tidal::materializer
