// Lines for whoever runs the program, on stderr: what an open found, what upkeep could not do.
#pragma once

#include <string_view>

#include "tidal/options.h"

namespace tidal::db {

/// Writes the line when `level` is at least as grave as `limit` allows. Thread-safe.
void log_line(LogLevel limit, LogLevel level, std::string_view line);

}  // namespace tidal::db
