// tidal version, and the commands that a later version brings.
#include <ostream>

#include "cli/commands.h"
#include "cli/error_text.h"

#ifndef TIDAL_VERSION
#error "TIDAL_VERSION is set by the build"
#endif

namespace tidal::cli {

std::string version_text() { return std::string("tidal ") + TIDAL_VERSION; }

Exit run_version(const Terminal& terminal) {
  terminal.out << version_text() << "\n";
  return Exit::Ok;
}

Exit run_unavailable(const Terminal& terminal, const std::string& command) {
  return fail(terminal, Error(Code::FailedPrecondition, "tidal " + command + " is not available yet"));
}

}  // namespace tidal::cli
