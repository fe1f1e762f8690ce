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

}  // namespace

void Registry::add(std::unique_ptr<Materializer> view) {
  TIDAL_ASSERT(find(view->name()) == nullptr);
  views_.push_back(std::move(view));
}

void Registry::apply(std::span<wal::WalEvent> events) noexcept {
  TIDAL_DCHECK(resolver_ != nullptr && events.size() <= wal::kEventGroup);
  resolver_->look_ahead(events);
  if (events.size() > 1) {
    // By itself an event waits some thirty times for memory, one wait after the other; here those of many overlap.
    for (const auto& view : views_) view->prefetch(events);
  }
  const SeqNo applied = min_applied();
  for (wal::WalEvent& event : events) {
    // M2 for the resolver too: a key that was forgotten since must not get an ordinal from the records before that.
    if (event.seqno <= applied) continue;
    resolver_->resolve(event);
    for (const auto& view : views_) view->apply(event);
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
