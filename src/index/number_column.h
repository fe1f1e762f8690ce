// One numeric field: a number an ordinal, scanned for ranges.
//
// Doubles: exact for times and durations (below 2^53 microseconds) and for integers up to 2^53; larger integers are
// compared by their nearest double. NaN stands for "none".
// Threads: single writer, concurrent readers without locks; a scan sees each number as of some moment during it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/word_column.h"
#include "index/bitmap.h"
#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::index {

/// Inclusive or exclusive bounds over a numeric column. Bool counts as 0/1; times and durations are microseconds.
struct NumberRange {
  double low = 0;  // -inf: none
  double high = 0;
  bool low_inclusive = true;
  bool high_inclusive = true;
};

class NumberColumn {
 public:
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  // Write side.

  void set(Ordinal o, double number);  ///< NaN: none

  // Read side: any thread.

  [[nodiscard]] double get(Ordinal o) const;  ///< kNone when it has none
  /// Entities whose number lies in the range. Cost: one pass over the column.
  [[nodiscard]] Bitmap in_range(NumberRange range) const;
  [[nodiscard]] Bitmap having() const;
  void gather(std::span<const Ordinal> ordinals, double missing, std::span<double> out) const;

  // Writer only.

  [[nodiscard]] std::vector<std::pair<Ordinal, double>> all() const;
  /// The column as of now; what encode_numbers() takes, at any later time.
  using Past = base::WordColumn<std::uint64_t>::Past;
  [[nodiscard]] Past capture() const { return cells_.capture(); }
  /// Into an empty column. Corruption on bytes that encode_numbers() cannot have written; every ordinal is below
  /// `ordinals`.
  [[nodiscard]] Status decode(base::Decoder& in, std::uint32_t ordinals);
  [[nodiscard]] std::size_t memory_bytes() const { return cells_.memory_bytes(); }

 private:
  /// Zero-initialised memory must mean "none", so that readers may see a new segment: the bits are kept inverted
  /// against those of the canonical NaN.
  template <class Test>
  Bitmap scan(Test test) const;

  base::WordColumn<std::uint64_t> cells_;
};

/// The image of a captured column.
void encode_numbers(const NumberColumn::Past& column, base::Encoder& out);

}  // namespace tidal::index
