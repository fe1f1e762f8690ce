// The column, its scan and its image.
#include "index/number_column.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "index/ordinal_list.h"

namespace tidal::index {
namespace {

constexpr std::uint64_t kNoneBits = std::bit_cast<std::uint64_t>(NumberColumn::kNone);
/// Ordinals a word of the result holds. A word never straddles two segments of the column.
constexpr std::uint32_t kWord = 64;

double number_of(std::uint64_t cell) { return std::bit_cast<double>(cell ^ kNoneBits); }

}  // namespace

void NumberColumn::set(Ordinal o, double number) {
  cells_.set(to_index(o), std::isnan(number) ? 0 : std::bit_cast<std::uint64_t>(number) ^ kNoneBits);
}

double NumberColumn::get(Ordinal o) const { return o == Ordinal::None ? kNone : number_of(cells_.get(to_index(o))); }

template <class Test>
Bitmap NumberColumn::scan(Test test) const {
  const std::uint32_t end = cells_.end();
  std::vector<std::uint64_t> words((std::size_t{end} + kWord - 1) / kWord);
  for (std::size_t w = 0; w < words.size(); ++w) {
    const auto* cells = cells_.find(static_cast<std::uint32_t>(w * kWord));
    if (cells == nullptr) continue;  // a gap: segments below the last one are grown, but the rule costs nothing
    double numbers[kWord];
    for (std::uint32_t i = 0; i < kWord; ++i) numbers[i] = number_of(cells[i].load(std::memory_order_relaxed));
    // Separate loops: atomics keep the first from being vectorised, the second is.
    std::uint64_t word = 0;
    for (std::uint32_t i = 0; i < kWord; ++i) word |= static_cast<std::uint64_t>(test(numbers[i])) << i;
    words[w] = word;
  }
  return Bitmap::of_words(words);
}

Bitmap NumberColumn::in_range(NumberRange range) const {
  // Exclusive bounds become inclusive ones on the neighbouring double, so that one loop serves all. A NaN bound or an
  // empty range matches nothing; NaN cells fail every comparison.
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!range.low_inclusive) {
    if (range.low == kInfinity) return {};
    range.low = std::nextafter(range.low, kInfinity);
  }
  if (!range.high_inclusive) {
    if (range.high == -kInfinity) return {};
    range.high = std::nextafter(range.high, -kInfinity);
  }
  const double low = range.low;
  const double high = range.high;
  return scan([low, high](double v) { return static_cast<unsigned>(v >= low) & static_cast<unsigned>(v <= high); });
}

Bitmap NumberColumn::having() const {
  return scan([](double v) { return static_cast<unsigned>(v == v); });
}

void NumberColumn::gather(std::span<const Ordinal> ordinals, double missing, std::span<double> out) const {
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    const double v = get(ordinals[i]);
    out[i] = std::isnan(v) ? missing : v;
  }
}

std::vector<std::pair<Ordinal, double>> NumberColumn::all() const {
  std::vector<std::pair<Ordinal, double>> out;
  const std::uint32_t end = cells_.end();
  for (std::uint32_t i = 0; i < end; ++i) {
    if (const double v = get(to_ordinal(i)); !std::isnan(v)) out.emplace_back(to_ordinal(i), v);
  }
  return out;
}

void encode_numbers(const NumberColumn::Past& column, base::Encoder& out) {
  const std::vector<std::uint64_t> cells = column.copy();
  std::vector<Ordinal> ordinals;
  for (std::uint32_t i = 0; i < cells.size(); ++i) {
    if (cells[i] != 0) ordinals.push_back(to_ordinal(i));
  }
  encode_ordinals(ordinals, out);
  for (const Ordinal o : ordinals) out.f64(number_of(cells[to_index(o)]));
}

Status NumberColumn::decode(base::Decoder& in, std::uint32_t ordinals) {
  for (const Ordinal o : decode_ordinals(in, ordinals)) {
    const double number = in.f64();
    if (std::isnan(number)) in.fail();
    if (!in.ok()) break;
    set(o, number);
  }
  if (!in.ok()) return Error(Code::Corruption, "number column: malformed");
  return {};
}

}  // namespace tidal::index
