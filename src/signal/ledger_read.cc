// The ledger's read side: batches of entities, in blocks small enough to fetch their memory ahead.
#include <algorithm>
#include <array>
#include <limits>

#include "base/assert.h"
#include "base/ordered_math.h"
#include "signal/decay.h"
#include "signal/ledger_state.h"

namespace tidal::signal {
namespace {

/// Pairs read together: enough to keep all of a core's outstanding misses busy, few enough for the first level cache.
constexpr std::size_t kBlock = 64;

/// Calls read(i, line) for the entities that fired; the others keep what out holds. `ring`: whose blocks to fetch
/// ahead.
template <class Read>
void for_each_line(const SignalTable& table, const RingKind* ring, std::span<const Ordinal> entities, Read read) {
  std::array<const HotLine*, kBlock> lines;
  const std::size_t primed = std::min(kBlock, entities.size());
  for (std::size_t i = 0; i < primed; ++i) table.hot().prefetch_cell(entities[i]);
  for (std::size_t start = 0; start < entities.size(); start += kBlock) {
    const std::size_t n = std::min(kBlock, entities.size() - start);
    for (std::size_t i = 0; i < n; ++i) {
      lines[i] = table.find(entities[start + i]);
      if (lines[i] != nullptr) __builtin_prefetch(lines[i]);
      if (start + kBlock + i < entities.size()) table.hot().prefetch_cell(entities[start + kBlock + i]);
    }
    if (ring != nullptr) {
      for (std::size_t i = 0; i < n; ++i) {
        if (lines[i] != nullptr) table.rings(*ring).prefetch(load_word(lines[i]->rings[index_of(*ring)]));
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (lines[i] != nullptr) read(start + i, *lines[i]);
    }
  }
}

/// The buckets of a windowed query.
struct Buckets {
  RingKind ring;
  std::int64_t first;
  std::int64_t last;
};

/// `table` keeps the window, which is not All.
Buckets buckets_of(const SignalTable& table, const WindowQuery& query) {
  const RingKind ring = ring_of(query.window);
  const std::int64_t width_us = table.shape(ring).width_us;
  const std::int64_t last = bucket_of(ring, width_us, query.now.us) - floor_div(query.ago.us, width_us);
  return {ring, last - buckets_in(query.window) + 1, last};
}

/// Counts from a settled column. False: read the rings.
bool counts_from_column(const SignalTable& table, const WindowQuery& query, const Buckets& buckets,
                        std::span<const Ordinal> entities, std::span<double> out) {
  if (query.ago.us != 0) return false;
  bool exact = true;
  const bool settled = table.group(buckets.ring).read(query.window, buckets.last, [&](const Column& column) {
    constexpr std::size_t kAhead = 16;
    for (std::size_t i = 0; i < entities.size(); ++i) {
      if (i + kAhead < entities.size()) column.prefetch(to_index(entities[i + kAhead]));
      const float cell = column.get(to_index(entities[i]));
      exact = exact && cell < kExactCellMax;
      out[i] = static_cast<double>(cell);
    }
  });
  return settled && exact;
}

double mean_of(const RingSum& sum) { return sum.weight == 0 ? 0.0 : clamp_finite(sum.value / sum.weight); }

/// Fills out[i] = pick(totals of the window or of all time); only signals with a value have them.
template <class Pick>
void fill_values(const SignalTable* table, const WindowQuery& query, std::span<const Ordinal> entities,
                 std::span<double> out, Pick pick) {
  TIDAL_ASSERT(entities.size() == out.size());
  std::fill(out.begin(), out.end(), 0.0);
  if (table == nullptr || !table->has_value() || !table->has_window(query.window)) return;
  if (query.window == Window::All) {
    for_each_line(*table, nullptr, entities, [&](std::size_t i, const HotLine& line) {
      out[i] = pick(read_consistently(line.sequence, [&] {
        return RingSum{load_word(line.count), load_word(line.weight_sum), load_word(line.value_sum)};
      }));
    });
    return;
  }
  const Buckets b = buckets_of(*table, query);
  for_each_line(*table, &b.ring, entities,
                [&](std::size_t i, const HotLine& line) { out[i] = pick(table->sum(line, b.ring, b.first, b.last)); });
}

/// Scores of a block of pairs are gathered first, so that their exponentials are one vector loop.
void exponential_scores(const SignalTable& table, Timestamp now, std::span<const Ordinal> entities,
                        std::span<double> out) {
  constexpr std::size_t kChunk = 512;
  std::array<double, kChunk> factors;
  for (std::size_t start = 0; start < entities.size(); start += kChunk) {
    const std::size_t n = std::min(kChunk, entities.size() - start);
    std::fill_n(factors.begin(), n, 0.0);
    for_each_line(table, nullptr, entities.subspan(start, n), [&](std::size_t i, const HotLine& line) {
      const auto score = read_consistently(line.sequence, [&] {
        return DecayedScore{load_word(line.score), load_word(line.newest_us)};
      });
      out[start + i] = score.score;
      factors[i] = read_exponent(table.rate(), score.newest_us, now.us);
    });
    base::ordered_exp_array(std::span(factors).first(n), std::span(factors).first(n));
    for (std::size_t i = 0; i < n; ++i) out[start + i] *= factors[i];
  }
}

}  // namespace

void Ledger::counts(const WindowQuery& query, std::span<const Ordinal> entities, std::span<double> out) const {
  TIDAL_ASSERT(entities.size() == out.size());
  std::fill(out.begin(), out.end(), 0.0);
  const SignalTable* table = state_->find(query.signal);
  if (table == nullptr || !table->has_window(query.window)) return;
  if (query.window == Window::All) {
    for_each_line(*table, nullptr, entities,
                  [&](std::size_t i, const HotLine& line) { out[i] = static_cast<double>(load_word(line.count)); });
    return;
  }
  const Buckets b = buckets_of(*table, query);
  if (counts_from_column(*table, query, b, entities, out)) return;
  std::fill(out.begin(), out.end(), 0.0);
  for_each_line(*table, &b.ring, entities, [&](std::size_t i, const HotLine& line) {
    out[i] = static_cast<double>(table->count(line, b.ring, b.first, b.last));
  });
}

void Ledger::newest_times(SignalIndex signal, std::span<const Ordinal> entities, std::span<double> out) const {
  TIDAL_ASSERT(entities.size() == out.size());
  std::fill(out.begin(), out.end(), -std::numeric_limits<double>::infinity());
  const SignalTable* table = state_->find(signal);
  if (table == nullptr) return;
  for_each_line(*table, nullptr, entities,
                [&](std::size_t i, const HotLine& line) { out[i] = static_cast<double>(load_word(line.newest_us)); });
}

void Ledger::sums(const WindowQuery& query, std::span<const Ordinal> entities, std::span<double> out) const {
  fill_values(state_->find(query.signal), query, entities, out, [](const RingSum& sum) { return sum.value; });
}

void Ledger::means(const WindowQuery& query, std::span<const Ordinal> entities, std::span<double> out) const {
  fill_values(state_->find(query.signal), query, entities, out, mean_of);
}

void Ledger::velocities(const WindowQuery& query, std::span<const Ordinal> entities, std::span<double> out) const {
  if (query.window == Window::All) {
    std::fill(out.begin(), out.end(), 0.0);
    return;
  }
  counts(query, entities, out);
  for (double& v : out) v /= seconds_in(query.window);
}

void Ledger::accelerations(const WindowQuery& query, std::span<const Ordinal> entities, std::span<double> out) const {
  TIDAL_ASSERT(entities.size() == out.size());
  std::fill(out.begin(), out.end(), 0.0);
  const SignalTable* table = state_->find(query.signal);
  if (table == nullptr || query.window == Window::All || !table->has_window(query.window)) return;
  const Buckets b = buckets_of(*table, query);
  const double seconds = seconds_in(query.window);
  for_each_line(*table, &b.ring, entities, [&](std::size_t i, const HotLine& line) {
    const auto [now_count, before_count] = table->count_twice(line, b.ring, b.first, b.last);
    out[i] = static_cast<double>(now_count) / seconds - static_cast<double>(before_count) / seconds;
  });
}

void Ledger::decay_scores(SignalIndex signal, Timestamp now, std::span<const Ordinal> entities,
                          std::span<double> out) const {
  TIDAL_ASSERT(entities.size() == out.size());
  std::fill(out.begin(), out.end(), 0.0);
  const SignalTable* table = state_->find(signal);
  if (table == nullptr) return;
  if (table->decay().kind != Decay::Kind::Linear) {
    exponential_scores(*table, now, entities, out);
    return;
  }
  constexpr RingKind kLinear = RingKind::Linear;
  for_each_line(*table, &kLinear, entities,
                [&](std::size_t i, const HotLine& line) { out[i] = table->linear_score(line, now); });
}

bool Ledger::has_settled_column(SignalIndex signal, Window window, Timestamp now) const {
  const SignalTable* table = state_->find(signal);
  if (table == nullptr) return false;
  if (window == Window::All) return table->all_column() != nullptr;
  const RingKind ring = ring_of(window);
  return table->group(ring).read(window, bucket_of(ring, table->shape(ring).width_us, now.us), [](const Column&) {});
}

bool Ledger::scan_column(SignalIndex signal, Window window, Timestamp now, std::uint32_t first,
                         std::span<float> out) const {
  const SignalTable* table = state_->find(signal);
  if (table == nullptr) return false;
  if (window == Window::All) {
    const Column* column = table->all_column();
    if (column == nullptr) return false;
    column->copy(first, out);
    return true;
  }
  const RingKind ring = ring_of(window);
  return table->group(ring).read(window, bucket_of(ring, table->shape(ring).width_us, now.us),
                                 [&](const Column& column) { column.copy(first, out); });
}

}  // namespace tidal::signal
