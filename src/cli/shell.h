// The prompt: statements and backslash commands, one after the other, on one open database.
//
// Threads: one; the database may be written to by others meanwhile.
#pragma once

#include <deque>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/line_editor.h"
#include "cli/reply_text.h"
#include "cli/terminal.h"
#include "tidal/db.h"

namespace tidal::cli {

class Shell {
 public:
  struct Setup {
    std::string directory;       ///< "" memory; for messages
    std::string rc_path;         ///< run first when it exists; "" none
    bool clock_shifted = false;  ///< the prompt shows the clock
  };
  /// All must outlive the shell.
  Shell(const Terminal& terminal, Database& database, LineEditor& editor, Setup setup);

  /// A statement to press Enter on.
  void offer(std::string statement) { offers_.push_back(std::move(statement)); }
  /// Until \q or the end of input. Without a terminal Failed when any statement failed.
  [[nodiscard]] Exit run();

  /// Words for completion: keywords of the language, names of the schema, backslash commands.
  [[nodiscard]] static std::vector<std::string> completions(const Database& database, std::string_view prefix);

 private:
  enum class Step { Go, Quit };
  [[nodiscard]] std::string prompt(bool more) const;
  [[nodiscard]] std::ostream& out() { return file_.is_open() ? file_ : terminal_.out; }
  Step take(const std::string& line);
  Step backslash(std::string_view line);
  void run_script(const std::string& script);
  void show(const Result<Reply>& reply);
  void next_page();
  void run_file(const std::string& path);
  void import(const std::vector<std::string>& words);
  void redirect(const std::string& path);
  void fail_with(const Error& error);

  const Terminal& terminal_;
  Database& database_;
  LineEditor& editor_;
  Setup setup_;
  std::deque<std::string> offers_;
  std::string pending_;     // lines of a statement that is not complete yet
  std::string last_query_;  // without ";", for \next
  std::string cursor_;
  std::ofstream file_;
  bool failed_ = false;
};

/// Words of a backslash command: split at spaces, '…' and "…" keep them together.
[[nodiscard]] std::vector<std::string> command_words(std::string_view line);

}  // namespace tidal::cli
