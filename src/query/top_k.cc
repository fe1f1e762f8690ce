// Top-k selection.
#include "query/top_k.h"

#include <algorithm>
#include <bit>

namespace tidal::query {
namespace {

// Room above 2k, so that a small k is not cut back at every few candidates.
constexpr std::size_t kSlack = 256;

constexpr std::uint64_t kSign = std::uint64_t{1} << 63U;

}  // namespace

std::uint64_t rank_of(double score, bool descending) {
  const auto bits = std::bit_cast<std::uint64_t>(score + 0.0);  // -0 + 0 is 0
  const std::uint64_t ascending = (bits & kSign) != 0 ? ~bits : bits | kSign;
  return descending ? ascending : ~ascending;
}

double score_of(std::uint64_t rank, bool descending) {
  const std::uint64_t ascending = descending ? rank : ~rank;
  return std::bit_cast<double>((ascending & kSign) != 0 ? ascending ^ kSign : ~ascending);
}

TopK::TopK(std::size_t k, std::function<std::string_view(Ordinal)> key_of) : k_(k), key_of_(std::move(key_of)) {
  kept_.reserve(2 * k + kSlack);
}

bool TopK::before(const Ranked& a, const Ranked& b) const {
  if (a.rank != b.rank) return a.rank > b.rank;
  return a.entity != b.entity && key_of_(a.entity) < key_of_(b.entity);
}

void TopK::offer(const Ranked& candidate) {
  if (candidate.rank < floor_) return;
  if (candidate.rank == floor_ && !floor_key_.empty() && key_of_(candidate.entity) > floor_key_) return;
  kept_.push_back(candidate);
  if (kept_.size() == 2 * k_ + kSlack) shrink();
}

void TopK::shrink() {
  const auto by_order = [this](const Ranked& a, const Ranked& b) { return before(a, b); };
  std::nth_element(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(k_) - 1, kept_.end(), by_order);
  kept_.resize(k_);
  floor_ = kept_.back().rank;
  floor_key_ = key_of_(kept_.back().entity);
}

std::vector<Ranked> TopK::take() {
  const auto by_order = [this](const Ranked& a, const Ranked& b) { return before(a, b); };
  const std::size_t n = std::min(k_, kept_.size());
  std::partial_sort(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(n), kept_.end(), by_order);
  kept_.resize(n);
  return std::move(kept_);
}

}  // namespace tidal::query
