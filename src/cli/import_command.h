// Importing files into an open database, with everything a person is told on the way.
//
// Used by `tidal import`, by the shell's \import and by the demo.
#pragma once

#include <string>

#include "cli/import/importer.h"
#include "cli/terminal.h"
#include "tidal/db.h"

namespace tidal::cli {

/// Imports one file and reports on terminal.err. Failed also when lines were left out: what could be used is in.
/// A table without maps is guessed at: on a terminal the person is asked, elsewhere nothing is written and `command`
/// (with the guessed map behind it) is what stderr recommends.
[[nodiscard]] Exit import_one(const Terminal& terminal, Database& database, const std::string& path,
                              ImportOptions options, const std::string& command);

}  // namespace tidal::cli
