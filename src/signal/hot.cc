// Lines and their index.
#include "signal/hot.h"

#include <algorithm>
#include <cstring>

#include "signal/atomic_access.h"

namespace tidal::signal {

const HotLine* HotTable::find(Ordinal entity) const {
  const std::uint32_t* cell = index_.find(to_index(entity));
  if (cell == nullptr) return nullptr;
  const std::uint32_t number = load_word(*cell);  // acquire: sees the line it names
  return number == 0 ? nullptr : &lines_[number - 1];
}

void HotTable::prefetch_cell(Ordinal entity) const {
  if (const std::uint32_t* cell = index_.find(to_index(entity))) __builtin_prefetch(cell);
}

HotLine& HotTable::line_of(Ordinal entity) {
  std::uint32_t& cell = index_.at_grown(to_index(entity));
  if (cell != 0) return lines_[cell - 1];
  HotLine& line = lines_.at_grown(size_);
  line.entity = to_index(entity);
  ++size_;
  entities_end_ = std::max(entities_end_, to_index(entity) + 1);
  store_word(cell, size_);  // publishes the line
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
