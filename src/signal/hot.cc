// Lines and their index.
#include "signal/hot.h"

#include <algorithm>
#include <cstring>

namespace tidal::signal {

HotLine& HotTable::make_line(Ordinal entity) {
  HotLine& line = lines_.at_grown(size_);
  line.entity = to_index(entity);
  ++size_;
  entities_end_ = std::max(entities_end_, to_index(entity) + 1);
  store_word(index_.at_grown(to_index(entity)), size_);  // publishes the line
  return line;
}

void HotTable::copy_to(std::uint32_t* index, HotLine* lines) const {
  index_.for_each_piece(0, entities_end_, [&](std::size_t first, const std::uint32_t* cells, std::size_t n) {
    std::memcpy(index + first, cells, n * sizeof *cells);
  });
  lines_.for_each_piece(0, size_, [&](std::size_t first, const HotLine* piece, std::size_t n) {
    std::memcpy(static_cast<void*>(lines + first), piece, n * sizeof *piece);
  });
}

}  // namespace tidal::signal
