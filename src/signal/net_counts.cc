// Counts by signal and item.
#include "signal/net_counts.h"

#include "base/assert.h"

namespace tidal::signal {

void NetCounts::add(Part part, std::uint16_t signal, Ordinal item, std::int32_t delta) {
  Counts& counts = signals_.at_grown(signal).parts[static_cast<std::size_t>(part)];
  counts.set(to_index(item), counts.get(to_index(item)) + static_cast<std::uint32_t>(delta));
  if (signal >= signal_end_.load(std::memory_order_relaxed)) {
    signal_end_.store(static_cast<std::uint16_t>(signal + 1), std::memory_order_release);  // pairs with signal_end()
  }
}

void NetCounts::clear_events(Ordinal item) {
  for (std::uint16_t s = 0; s < signal_end(); ++s) {
    signals_[s].parts[static_cast<std::size_t>(Part::Events)].set(to_index(item), 0);
  }
}

std::uint32_t NetCounts::get(Part part, std::uint16_t signal, Ordinal item) const {
  const Signal* s = signals_.find(signal);
  return s == nullptr || item == Ordinal::None ? 0 : s->parts[static_cast<std::size_t>(part)].get(to_index(item));
}

void NetCounts::prefetch(std::uint16_t signal, Ordinal item) const {
  const Signal* s = signals_.find(signal);
  if (s == nullptr || item == Ordinal::None) return;
  for (const Counts& part : s->parts) part.prefetch(to_index(item));
}

void NetCounts::read(std::uint16_t signal, std::span<const Ordinal> items, std::span<double> out) const {
  for (std::size_t i = 0; i < items.size(); ++i) {
    out[i] = static_cast<double>(get(Part::Users, signal, items[i])) +
             static_cast<double>(get(Part::Events, signal, items[i]));
  }
}

std::vector<Ordinal> NetCounts::items(Part part, std::uint16_t signal) const {
  std::vector<Ordinal> out;
  const Signal* s = signals_.find(signal);
  if (s == nullptr) return out;
  const Counts& counts = s->parts[static_cast<std::size_t>(part)];
  for (std::uint32_t i = 0; i < counts.end(); ++i) {
    if (counts.get(i) != 0) out.push_back(to_ordinal(i));
  }
  return out;
}

std::size_t NetCounts::memory_bytes() const {
  std::size_t bytes = signals_.memory_bytes();
  for (std::uint16_t s = 0; s < signal_end(); ++s) {
    for (const Counts& part : signals_[s].parts) bytes += part.memory_bytes();
  }
  return bytes;
}

}  // namespace tidal::signal
