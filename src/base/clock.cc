// The system's clock.
#include "base/clock.h"

#include <chrono>

namespace tidal::base {

Timestamp SystemClock::now() const {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp{std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
}

}  // namespace tidal::base
