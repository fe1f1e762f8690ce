// The loop behind the prompt.
#include "cli/shell.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <ostream>
#include <utility>

#include "base/file_system.h"
#include "cli/error_text.h"
#include "cli/import/declared.h"
#include "cli/import_command.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "db/offline/script_text.h"

namespace tidal::cli {
namespace {

constexpr std::array kKeywords = {
    "AFTER",    "ALL",           "ALTER",       "AND",        "ASC",     "BEGIN",    "BETWEEN",
    "BY",       "COMMIT",        "CONTEXT",     "DEADLINE",   "DECAY",   "DEFINE",   "DELETE",
    "DESC",     "EFFECTS",       "EXCLUDE",     "EXPLAIN",    "FIELD",   "FIELDS",   "FILTER",
    "FILTERS",  "FOR",           "FROM",        "GET",        "HELP",    "IN",       "INDEXED",
    "ITEM",     "LIMIT",         "MIN",         "NOT",        "ON",      "OR",       "PROFILE",
    "PUT",      "RETRIEVE",      "ROLE",        "ROLLBACK",   "SCHEMA",  "SETTINGS", "SHOW",
    "SIGNAL",   "SIGNALS",       "SORT",        "SORTS",      "STATS",   "UPDATE",   "USER",
    "USING",    "VALUE",         "VELOCITY",    "WEIGHT",     "WINDOW",  "WINDOWS",  "WITH",
    "items",    "users",         "creators",    "item",       "user",    "creator",  "unseen",
    "seen",     "liked",         "saved",       "fields",     "signals", "explain",  "count",
    "velocity", "decay_score",   "created_at",  "trending",   "hot",     "new",      "top",
    "rising",   "controversial", "most_viewed", "most_liked", "\\next",  "\\import", "\\i",
    "\\o",      "\\?",           "\\q"};

constexpr std::string_view kHelp =
    R"(Statements end with ";" and may take several lines. HELP; lists them, HELP RETRIEVE; explains one.
  \next            the next page of the last answer
  \import FILE     imports a file (\import ratings.csv --map 'signal:kind=…' as on the command line)
  \i FILE          runs the statements of a file
  \o [FILE]        writes answers to a file; without a name back to the terminal
  \?               this list
  \q               leaves (so does Ctrl-D); Ctrl-C clears what is typed
)";

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1));
}

bool begins_with(std::string_view word, std::string_view prefix) {
  if (word.size() < prefix.size()) return false;
  return std::equal(prefix.begin(), prefix.end(), word.begin(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  });
}

}  // namespace

std::vector<std::string> command_words(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool inside = false;
  char quote = 0;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word.push_back(c);
      }
    } else if (c == '\'' || (c == '"' && !inside)) {
      quote = c;
      inside = true;
    } else if (c == ' ' || c == '\t') {
      if (inside) words.push_back(std::exchange(word, {}));
      inside = false;
    } else {
      word.push_back(c);
      inside = true;
    }
  }
  if (inside) words.push_back(std::move(word));
  return words;
}

Shell::Shell(const Terminal& terminal, Database& database, LineEditor& editor, Setup setup)
    : terminal_(terminal), database_(database), editor_(editor), setup_(std::move(setup)) {}

std::vector<std::string> Shell::completions(const Database& database, std::string_view prefix) {
  std::vector<std::string> words;
  const auto offer_word = [&](std::string_view word) {
    if (begins_with(word, prefix)) words.emplace_back(word);
  };
  for (const std::string_view keyword : kKeywords) offer_word(keyword);
  const Declared declared = read_declared(database.schema_text());
  for (const std::string& name : declared.signals) offer_word(name);
  for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
    for (const std::string& name : declared.field_names(static_cast<EntityKind>(kind))) offer_word(name);
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

std::string Shell::prompt(bool more) const {
  std::string text = "tidal";
  if (setup_.clock_shifted) text += " [" + to_string(database_.now()).substr(0, 16) + "]";
  return more ? std::string(text.size() - 3, ' ') + "...> " : text + "> ";
}

void Shell::fail_with(const Error& error) {
  failed_ = true;
  static_cast<void>(fail(terminal_, error));  // the shell goes on; run() tells in the end
}

void Shell::show(const Result<Reply>& reply) {
  if (!reply.ok()) return fail_with(reply.error());
  const auto width = static_cast<std::size_t>(terminal_.columns);
  out() << reply_text(*reply, Format::Table, title_fields(database_.schema_text()), width);
  if (!terminal_.quiet) {
    const bool styled = !file_.is_open();
    out() << (styled ? out_style(terminal_, Style::Dim) : "") << reply_footer(*reply)
          << (styled ? out_style(terminal_, Style::Plain) : "");
  }
  if (const auto* query = std::get_if<QueryReply>(&*reply)) {
    cursor_ = query->cursor;
    if (!cursor_.empty() && terminal_.in_is_terminal && !terminal_.quiet) out() << "\\next shows the next page\n";
  }
  out() << std::flush;
}

void Shell::run_script(const std::string& script) {
  const std::vector<std::string> statements = db::statements_of(script);
  last_query_ = statements.empty() ? "" : statements.back();
  cursor_.clear();
  static_cast<void>(  // each error has been shown
      database_.execute(script, {}, false, [this](const Result<Reply>& reply) { return show(reply), !interrupted(); }));
}

void Shell::next_page() {
  if (cursor_.empty()) {
    terminal_.err << "there is no next page\n" << std::flush;
    return;
  }
  const Params params{{"tidal_cursor", Value(cursor_)}};
  const std::string query = last_query_ + "\nAFTER $tidal_cursor;";
  cursor_.clear();
  static_cast<void>(  // each error has been shown
      database_.execute(query, params, false,
                        [this](const Result<Reply>& reply) { return show(reply), !interrupted(); }));
}

void Shell::run_file(const std::string& path) {
  const Result<std::string> script = read_text(path);
  if (!script.ok()) return fail_with(script.error());
  run_script(*script);
}

void Shell::import(const std::vector<std::string>& words) {
  ImportOptions options;
  std::string path;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "--map" && i + 1 < words.size()) {
      options.maps.push_back(words[++i]);
    } else if (words[i] == "--as-is") {
      options.as_is = true;
    } else {
      path = words[i];
    }
  }
  if (path.empty()) return fail_with(Error(Code::InvalidArgument, "\\import needs a file"));
  options.spill_folder = setup_.directory.empty() ? path + ".spill" : setup_.directory + "/import-spill";
  if (import_one(terminal_, database_, path, options, "\\import " + path) != Exit::Ok) failed_ = true;
}

void Shell::redirect(const std::string& path) {
  file_.close();
  if (path.empty()) return;
  file_.open(path, std::ios::app);
  if (!file_.is_open()) fail_with(Error(Code::IoError, "cannot write to '" + path + "'"));
}

Shell::Step Shell::backslash(std::string_view line) {
  const std::vector<std::string> words = command_words(line);
  const std::string& command = words.front();
  const std::string argument = words.size() > 1 ? words[1] : "";
  if (command == "\\q") return Step::Quit;
  if (command == "\\next") {
    next_page();
  } else if (command == "\\import") {
    import(words);
  } else if (command == "\\i") {
    run_file(argument);
  } else if (command == "\\o") {
    redirect(argument);
  } else if (command == "\\?") {
    out() << kHelp << std::flush;
  } else {
    fail_with(Error(Code::InvalidArgument, "there is no command " + command + "; \\? lists them"));
  }
  return Step::Go;
}

Shell::Step Shell::take(const std::string& line) {
  if (pending_.empty()) {
    const std::string command = trimmed(line);
    if (command.empty()) return Step::Go;
    if (command.front() == '\\') {
      editor_.remember(command);
      return backslash(command);
    }
  }
  pending_ += pending_.empty() ? line : "\n" + line;
  if (!db::is_complete(pending_)) return Step::Go;
  const std::string script = std::exchange(pending_, {});
  if (trimmed(script).empty()) return Step::Go;
  editor_.remember(script);
  run_script(script);
  return Step::Go;
}

Exit Shell::run() {
  if (!setup_.rc_path.empty() && base::posix_file_system().exists(setup_.rc_path)) run_file(setup_.rc_path);
  failed_ = false;
  std::string line;
  while (true) {
    const bool offering = pending_.empty() && !offers_.empty();
    if (offering && !terminal_.in_is_terminal) {
      out() << offers_.front() << "\n";
      run_script(offers_.front());
      offers_.pop_front();
      continue;
    }
    if (offering) out() << "\nPress Enter to run:  " << offers_.front() << "\n" << std::flush;
    const LineEditor::Read read = editor_.read(prompt(!pending_.empty()), line);
    if (read == LineEditor::Read::End) break;
    if (read == LineEditor::Read::Interrupted) {
      pending_.clear();
      continue;
    }
    if (offering && trimmed(line).empty()) {
      line = offers_.front();
      offers_.pop_front();
    }
    if (take(line) == Step::Quit) break;
  }
  if (interrupted()) {  // and so is a statement that has not come whole
    fail_with(Error(Code::Unavailable, "interrupted"));
    return Exit::Failed;
  }
  if (!trimmed(pending_).empty()) run_script(std::exchange(pending_, {}));  // a script's last statement needs no ";"
  return failed_ && !terminal_.in_is_terminal ? Exit::Failed : Exit::Ok;
}

}  // namespace tidal::cli
