// Completions for shells, written from what the program accepts, so that they cannot fall behind it.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tidal::cli {

struct OptionShape {
  std::vector<std::string> names;  ///< "--format", "-f"; none: an argument without a name
  std::string about;
  bool takes_value = false;
  std::vector<std::string> values;  ///< all there are; none: any
};

struct CommandShape {
  std::string name;
  std::string about;
  std::vector<OptionShape> options;
  std::vector<CommandShape> commands;
};

/// A script for "bash", "zsh" or "fish"; "" for another shell. `program` has commands, they may have commands.
[[nodiscard]] std::string completions_text(std::string_view shell, const CommandShape& program);

}  // namespace tidal::cli
