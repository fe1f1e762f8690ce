// Filling, updating and rolling read columns.
#include "signal/columns.h"

#include <algorithm>

namespace tidal::signal {

float Column::get(std::uint32_t ordinal) const {
  const float* cell = cells_.find(ordinal);
  return cell == nullptr ? 0.0F : load_word(*cell);
}

void Column::set(std::uint32_t ordinal, float value) {
  end_ = std::max(end_, ordinal + 1);
  store_word(cells_.at_grown(ordinal), value);
}

void Column::copy(std::uint32_t first, std::span<float> out) const {
  cells_.for_each_piece(first, out.size(), [&](std::size_t at, const float* cells, std::size_t n) {
    float* to = out.data() + (at - first);
    if (cells == nullptr) {
      std::fill_n(to, n, 0.0F);
      return;
    }
    for (std::size_t i = 0; i < n; ++i) to[i] = load_word(cells[i]);
  });
}

void Column::prefetch(std::uint32_t ordinal) const {
  if (const float* cell = cells_.find(ordinal)) __builtin_prefetch(cell);
}

void ColumnGroup::publish(std::unique_ptr<Column> column) {
  shortest_ = std::min(shortest_, buckets_in(column->window()));
  const std::size_t place = owned_[0] == nullptr ? 0 : 1;
  owned_[place] = std::move(column);
  columns_[place].store(owned_[place].get(), std::memory_order_release);  // pairs with the acquire in column()
}

const Column* ColumnGroup::column(Window window) const {
  for (const auto& pointer : columns_) {
    const Column* candidate = pointer.load(std::memory_order_acquire);  // pairs with publish()
    if (candidate != nullptr && candidate->window() == window) return candidate;
  }
  return nullptr;
}

std::int64_t ColumnGroup::listed_buckets() const {
  switch (ring_) {
    case RingKind::Minute: return buckets_in(Window::Hour);
    case RingKind::Hour: return buckets_in(Window::Week);
    case RingKind::Day:
    case RingKind::Linear: break;
  }
  return buckets_in(Window::Month);
}

void ColumnGroup::list(std::int64_t bucket, std::uint32_t ordinal) {
  if (bucket <= settled() - listed_buckets()) return;  // has left every window already
  if (last_list_ == lists_.end() || last_list_->first != bucket) {
    last_list_ = lists_.try_emplace(bucket).first;
  }
  last_list_->second.push_back(ordinal);
}

void ColumnGroup::add(std::uint32_t ordinal, std::int64_t bucket, const CountOf& count_of) {
  const std::int64_t last = settled();
  if (bucket > last) return;
  for (const auto& column : owned_) {
    if (column == nullptr) continue;
    const std::int64_t first = last - buckets_in(column->window()) + 1;
    if (bucket < first) continue;
    const float before = column->get(ordinal);
    column->set(ordinal, before < kExactCellMax ? before + 1.0F : static_cast<float>(count_of(ordinal, first, last)));
  }
}

void ColumnGroup::clear(std::uint32_t ordinal) {
  for (const auto& column : owned_) {
    if (column != nullptr && column->get(ordinal) != 0) column->set(ordinal, 0.0F);
  }
}

std::size_t ColumnGroup::roll(std::int64_t settled, const CountOf& count_of) {
  const std::int64_t old = this->settled();
  if (settled <= old) return 0;
  const SequenceWrite guard(version_);
  std::size_t changed = 0;
  constexpr std::size_t kAhead = 8;
  for (auto& [bucket, ordinals] : lists_) {
    if (bucket > settled) break;
    bool moves[2] = {};
    for (std::size_t c = 0; c < owned_.size(); ++c) {
      if (owned_[c] == nullptr) continue;
      const std::int64_t n = buckets_in(owned_[c]->window());
      const bool was_in = bucket > old - n && bucket <= old;
      const bool is_in = bucket > settled - n;
      moves[c] = was_in != is_in;
    }
    if (!moves[0] && !moves[1]) continue;
    for (std::size_t i = 0; i < ordinals.size(); ++i) {
      if (prefetch_ && i + kAhead < ordinals.size()) prefetch_(ordinals[i + kAhead]);
      for (std::size_t c = 0; c < owned_.size(); ++c) {
        if (!moves[c]) continue;
        const std::int64_t first = settled - buckets_in(owned_[c]->window()) + 1;
        owned_[c]->set(ordinals[i], static_cast<float>(count_of(ordinals[i], first, settled)));
        ++changed;
      }
    }
  }
  lists_.erase(lists_.begin(), lists_.upper_bound(settled - listed_buckets()));
  last_list_ = lists_.end();
  settled_.store(settled, std::memory_order_release);  // pairs with the acquire in settled()
  return changed;
}

void ColumnGroup::prefetch(std::uint32_t ordinal) const {
  for (const auto& column : owned_) {
    if (column != nullptr) column->prefetch(ordinal);
  }
}

std::size_t ColumnGroup::column_bytes() const {
  std::size_t bytes = 0;
  for (const auto& column : owned_) bytes += column == nullptr ? 0 : column->memory_bytes();
  return bytes;
}

std::size_t ColumnGroup::list_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [bucket, ordinals] : lists_) bytes += ordinals.capacity() * sizeof(std::uint32_t);
  return bytes;
}

}  // namespace tidal::signal
