// Lines typed by a person: editing, history and completion on a terminal, plain reading elsewhere.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.h"

namespace tidal::cli {

/// Words that may stand where `prefix` has been typed.
using Completer = std::function<std::vector<std::string>(std::string_view prefix)>;

class LineEditor {
 public:
  enum class Read {
    Line,
    Interrupted,  ///< Ctrl-C: what was typed is gone
    End,
  };
  virtual ~LineEditor() = default;
  /// The next line, without its line break.
  [[nodiscard]] virtual Read read(const std::string& prompt, std::string& line) = 0;
  /// Puts a whole statement into the history.
  virtual void remember(const std::string& statement) = 0;
};

/// On a terminal with history in `history_path` ("" keeps none), else plain lines without a prompt.
[[nodiscard]] std::unique_ptr<LineEditor> make_line_editor(const Terminal& terminal, std::string history_path,
                                                           Completer completer);

/// What all of the words begin with, upper and lower case taken as equal; as long as in the first word.
[[nodiscard]] std::string common_prefix(const std::vector<std::string>& words);

}  // namespace tidal::cli
