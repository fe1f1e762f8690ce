// Lines and their index.
#include "signal/hot.h"

#include <algorithm>

namespace tidal::signal {

HotLine& HotTable::make_line(Ordinal entity) {
  HotLine& line = lines_.at_grown(size_);
  line.entity = to_index(entity);
  ++size_;
  entities_end_ = std::max(entities_end_, to_index(entity) + 1);
  store_word(index_.at_grown(to_index(entity)), size_);  // publishes the line
  return line;
}

}  // namespace tidal::signal
