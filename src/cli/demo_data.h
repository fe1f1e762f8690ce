// A made-up video platform for the demo: items, users, and events that keep arriving.
//
// The same seed makes the same catalogue and the same history. Threads: single-threaded generator; LiveEvents owns one
// thread, joined by its destructor.
#pragma once

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "tidal/db.h"

namespace tidal::cli {

inline constexpr std::uint32_t kDemoItems = 2000;
inline constexpr std::uint32_t kDemoUsers = 500;

class DemoWorld {
 public:
  explicit DemoWorld(std::uint64_t seed) : random_(seed) {}

  /// 2,000 items with titles, categories, lengths and creators, made within the month before `now`.
  [[nodiscard]] std::vector<Operation> catalogue(Timestamp now);
  /// An event of some user with some item at `at`; few items get most of them.
  [[nodiscard]] Signal event(Timestamp at);

 private:
  [[nodiscard]] std::uint32_t popular_item();
  base::Random random_;
};

/// Writes generated events into the database until destroyed.
class LiveEvents {
 public:
  LiveEvents(Database& database, DemoWorld world);
  ~LiveEvents();
  LiveEvents(const LiveEvents&) = delete;
  LiveEvents& operator=(const LiveEvents&) = delete;

 private:
  void run();

  Database& database_;
  DemoWorld world_;
  base::Mutex mutex_;
  base::CondVar wakeup_;
  bool stop_ TIDAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace tidal::cli
