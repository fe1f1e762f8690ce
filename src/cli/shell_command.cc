// tidal shell.
#include <cstdlib>
#include <ostream>

#include "cli/commands.h"
#include "cli/error_text.h"
#include "cli/open_database.h"
#include "cli/shell.h"

namespace tidal::cli {
namespace {

/// A file in the home directory; "" when there is no home.
std::string at_home(const char* name) {
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? "" : std::string(home) + "/" + name;
}

}  // namespace

Exit run_shell(const Terminal& terminal, const CommonOptions& common, const ShellOptions& options) {
  Result<Database> database =
      options.directory.empty() ? open_memory(common) : open_directory(options.directory, common);
  if (!database.ok()) return fail(terminal, database.error());
  Exit result = Exit::Ok;
  {
    const auto editor = make_line_editor(terminal, at_home(".tidal_history"), [&database](std::string_view prefix) {
      return Shell::completions(*database, prefix);
    });
    if (terminal.in_is_terminal && !terminal.quiet) {
      terminal.out << "tidalDB, " << (options.directory.empty() ? "in memory (gone when you leave)" : options.directory)
                   << ". HELP; for the language, \\? for the shell.\n"
                   << std::flush;
    }
    Shell shell(
        terminal, *database, *editor,
        {.directory = options.directory, .rc_path = at_home(".tidalrc"), .clock_shifted = !common.clock.empty()});
    result = shell.run();
  }
  if (const Status closed = database->close(); !closed.ok()) return fail(terminal, closed.error());
  return result;
}

}  // namespace tidal::cli
