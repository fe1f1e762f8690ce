// The only place that knows spdlog.
#include "db/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace tidal::db {

void log_line(LogLevel limit, LogLevel level, std::string_view line) {
  if (level == LogLevel::Off || level > limit) return;
  // A logger of our own: the program's default one may be its own affair, and writes to stdout.
  static spdlog::logger logger("tidal", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  switch (level) {
    case LogLevel::Error: return logger.error("{}", line);
    case LogLevel::Warn: return logger.warn("{}", line);
    default: return logger.info("{}", line);
  }
}

}  // namespace tidal::db
