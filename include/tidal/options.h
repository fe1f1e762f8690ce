// How a database is opened. Nothing here changes what a record means: that is said by schema statements. An answer
// depends on the clock besides, and memory_limit may refuse a write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "tidal/types.h"

namespace tidal {

/// When a write is acknowledged. What each may lose at a power cut is in docs/durability.md.
struct Durability {
  enum class Mode : std::uint8_t {
    Sync,     ///< acknowledged means on disk
    Batched,  ///< on disk when acknowledged, but a sync waits for max_events or max_delay
    Async,    ///< acknowledged before the sync; a crash may lose the last `interval`
  };
  Mode mode = Mode::Sync;
  std::size_t max_events = 1000;          ///< Batched, > 0
  Duration max_delay = milliseconds(5);   ///< Batched, > 0
  Duration interval = milliseconds(100);  ///< Async, > 0
};

/// What answers take for "now".
struct ClockSource {
  enum class Kind : std::uint8_t {
    System,
    Fixed,   ///< always `at`
    Events,  ///< the newest event's time (the system clock while there is none): for old data
  };
  Kind kind = Kind::System;
  Timestamp at;
};

enum class LogLevel : std::uint8_t { Off, Error, Warn, Info, Debug };

struct Options {
  bool create_if_missing = false;  ///< false: opening a missing directory is NotFound
  Durability durability{};
  ClockSource clock{};
  std::size_t segment_bytes = 64U << 20U;  ///< of the log, 64 KiB to 1 GiB
  std::size_t queue_bytes = 64U << 20U;    ///< writes waiting beyond this block their callers
  Duration write_deadline = seconds(30);   ///< then Unavailable
  /// Of what the views hold, in bytes: beyond it what adds (signals, PUT, UPDATE) is ResourceExhausted, all else goes
  /// on. Held against every so many events; what waits in the queue is still applied. 0: none.
  std::size_t memory_limit = 0;
  /// Of log written. 0: only when asked, on close, and when memory_limit is reached.
  std::uint64_t checkpoint_every_bytes = 256U << 20U;
  bool checkpoint_on_close = true;
  LogLevel log_level = LogLevel::Warn;  ///< to stderr
};

}  // namespace tidal
