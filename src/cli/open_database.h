// Opening databases the way the command line asks for.
#pragma once

#include <string>

#include "cli/commands.h"
#include "tidal/db.h"

namespace tidal::cli {

/// InvalidArgument for a clock that is neither "events" nor a time.
[[nodiscard]] Result<Options> database_options(const CommonOptions& common);

/// An existing data directory; NotFound names `tidal init`.
[[nodiscard]] Result<Database> open_directory(const std::string& directory, const CommonOptions& common);
[[nodiscard]] Result<Database> open_memory(const CommonOptions& common);

/// Makes `directory` and runs the schema in it, whole or not at all: an error of any kind leaves nothing
/// behind.
/// AlreadyExists when there is a database, FailedPrecondition when there is something else.
[[nodiscard]] Result<Database> create_directory(const std::string& directory, const std::string& schema,
                                                const CommonOptions& common);

/// Runs a script of definitions as one batch.
[[nodiscard]] Status run_schema(Database& database, const std::string& schema);

}  // namespace tidal::cli
