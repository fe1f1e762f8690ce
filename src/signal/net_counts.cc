// Counts by signal and item.
#include "signal/net_counts.h"

#include "base/assert.h"

namespace tidal::signal {

void NetCounts::add(Part part, std::uint16_t signal, Ordinal item, std::int32_t delta) {
  auto& count = signals_.at_grown(signal).parts[static_cast<std::size_t>(part)].at_grown(to_index(item));
  // Not fetch_add: there is one writer, and a plain load and store is cheaper.
  count.store(count.load(std::memory_order_relaxed) + static_cast<std::uint32_t>(delta), std::memory_order_relaxed);
  if (signal >= signal_end_.load(std::memory_order_relaxed)) {
    signal_end_.store(static_cast<std::uint16_t>(signal + 1), std::memory_order_release);  // pairs with signal_end()
  }
  if (to_index(item) >= item_end_.load(std::memory_order_relaxed)) {
    item_end_.store(to_index(item) + 1, std::memory_order_relaxed);
  }
}

void NetCounts::clear_events(Ordinal item) {
  for (std::uint16_t s = 0; s < signal_end(); ++s) {
    auto* count = signals_[s].parts[static_cast<std::size_t>(Part::Events)].find(to_index(item));
    if (count != nullptr) count->store(0, std::memory_order_relaxed);
  }
}

std::uint32_t NetCounts::get(Part part, std::uint16_t signal, Ordinal item) const {
  const Signal* s = signals_.find(signal);
  if (s == nullptr || item == Ordinal::None) return 0;
  const auto* count = s->parts[static_cast<std::size_t>(part)].find(to_index(item));
  return count == nullptr ? 0 : count->load(std::memory_order_relaxed);
}

void NetCounts::read(std::uint16_t signal, std::span<const Ordinal> items, std::span<double> out) const {
  for (std::size_t i = 0; i < items.size(); ++i) {
    out[i] = static_cast<double>(get(Part::Users, signal, items[i])) +
             static_cast<double>(get(Part::Events, signal, items[i]));
  }
}

std::vector<std::uint32_t> NetCounts::copy(Part part, std::uint16_t signal) const {
  const Signal* s = signals_.find(signal);
  if (s == nullptr) return {};
  const Counts& counts = s->parts[static_cast<std::size_t>(part)];
  std::vector<std::uint32_t> out(item_end_.load(std::memory_order_relaxed));
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (const auto* count = counts.find(i)) out[i] = count->load(std::memory_order_relaxed);
  }
  return out;
}

std::vector<Ordinal> NetCounts::items(Part part, std::uint16_t signal) const {
  std::vector<Ordinal> out;
  const std::uint32_t end = item_end_.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < end; ++i) {
    if (get(part, signal, to_ordinal(i)) != 0) out.push_back(to_ordinal(i));
  }
  return out;
}

std::size_t NetCounts::memory_bytes() const {
  std::size_t bytes = signals_.memory_bytes();
  for (std::uint16_t s = 0; s < signal_end(); ++s) {
    for (const Counts& part : signals_[s].parts) bytes += part.memory_bytes() - sizeof part;
  }
  return bytes;
}

}  // namespace tidal::signal
