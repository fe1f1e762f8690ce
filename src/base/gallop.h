// A binary search that begins where the one before it ended: near in constant time, far in logarithmic time.
#pragma once

#include <algorithm>
#include <cstddef>

namespace tidal::base {

/// The first of [first, last) that is not `below`, or last; those that are below stand in front. Cost: 2 log2 of the
/// distance from `first`, so that ascending searches through n entries cost a merge.
template <class Entry, class Below>
[[nodiscard]] const Entry* gallop(const Entry* first, const Entry* last, Below below) {
  std::ptrdiff_t step = 1;
  while (last - first > step && below(first[step - 1])) {  // all before `first` are below
    first += step;
    step += step;
  }
  return std::partition_point(first, last - first > step ? first + step : last, below);
}

}  // namespace tidal::base
