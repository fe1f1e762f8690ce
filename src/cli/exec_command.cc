// tidal exec: statements from the command line, a file or stdin; replies to stdout.
#include <algorithm>
#include <istream>
#include <iterator>
#include <ostream>

#include "base/file_system.h"
#include "cli/commands.h"
#include "cli/error_text.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/open_database.h"
#include "cli/params.h"

namespace tidal::cli {
namespace {

/// What the arguments turned out to mean.
struct Plan {
  std::string directory;  ///< "" memory
  std::string script;
};

std::string read_all(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// One word with a dot or a slash is nobody's statement but somebody's mistyped directory.
bool looks_like_a_path(const std::string& text) {
  return text.find_first_of(" \t\n;") == std::string::npos && text.find_first_of("./") != std::string::npos;
}

Result<Plan> plan_of(const Terminal& terminal, const ExecOptions& options) {
  const std::vector<std::string>& arguments = options.arguments;
  Plan plan;
  bool has_script = false;
  if (arguments.size() == 2) {
    plan = {.directory = arguments[0], .script = arguments[1]};
    has_script = true;
  } else if (arguments.size() == 1 && base::posix_file_system().is_directory(arguments[0])) {
    plan.directory = arguments[0];
  } else if (arguments.size() == 1) {
    if (looks_like_a_path(arguments[0]) || !options.file.empty()) {
      return Error(Code::NotFound,
                   "no database at '" + arguments[0] + "' (create one: tidal init " + arguments[0] + ")");
    }
    plan.script = arguments[0];
    has_script = true;
  }
  if (!options.file.empty()) {
    if (has_script) return Error(Code::InvalidArgument, "--file and statements on the command line exclude each other");
    TIDAL_TRY_ASSIGN(plan.script, read_text(options.file));
  } else if (!has_script) {
    plan.script = read_all(terminal.in);
    if (interrupted()) return Error(Code::Unavailable, "interrupted while reading statements: none was run");
  }
  return plan;
}

/// Replies to stdout, one after the other; what is said about them to stderr.
class ReplyPrinter {
 public:
  ReplyPrinter(const Terminal& terminal, Format format)
      : terminal_(terminal), format_(format), is_json_(format == Format::Json || format == Format::Jsonl) {}

  void print(const Result<Reply>& reply, const TitleFields& titles) {
    if (!reply.ok()) {
      if (is_json_) terminal_.out << to_json(reply.error()) << "\n";
      static_cast<void>(fail(terminal_, reply.error()));  // the exit code is told by execute()
      return;
    }
    const std::string text = reply_text(*reply, format_, titles, static_cast<std::size_t>(terminal_.columns));
    // Two tables in a row would read as one.
    const bool is_table = std::count(text.begin(), text.end(), '\n') > 1;
    if (!is_json_ && before_ != Before::Nothing && (is_table || before_ == Before::Table)) terminal_.out << "\n";
    if (!text.empty()) before_ = is_table ? Before::Table : Before::Line;
    terminal_.out << text;
    if (terminal_.quiet || is_json_) return;
    terminal_.out << std::flush;
    terminal_.err << err_style(terminal_, Style::Dim) << reply_footer(*reply) << err_style(terminal_, Style::Plain)
                  << std::flush;
  }

 private:
  enum class Before { Nothing, Line, Table };
  const Terminal& terminal_;
  const Format format_;
  const bool is_json_;
  Before before_ = Before::Nothing;
};

}  // namespace

Exit run_exec(const Terminal& terminal, const CommonOptions& common, const ExecOptions& options) {
  const Result<Params> params = parse_params(options.params);
  if (!params.ok()) {
    static_cast<void>(fail(terminal, params.error()));
    return Exit::Usage;
  }
  const Result<Plan> plan = plan_of(terminal, options);
  if (!plan.ok()) return fail(terminal, plan.error());
  Result<Database> database = plan->directory.empty() ? open_memory(common) : open_directory(plan->directory, common);
  if (!database.ok()) return fail(terminal, database.error());

  ReplyPrinter printer(terminal, options.format);
  const auto show = [&](const Result<Reply>& reply) {
    printer.print(reply, options.format == Format::Table ? title_fields(database->schema_text()) : TitleFields{});
    return !interrupted();
  };
  const bool all_ran = database->execute(plan->script, *params, options.keep_going, show);
  terminal.out.flush();
  if (interrupted() && !all_ran) terminal.err << "interrupted: no later statement was run\n";
  if (const Status closed = database->close(); !closed.ok()) return fail(terminal, closed.error());
  return all_ran ? Exit::Ok : Exit::Failed;
}

}  // namespace tidal::cli
