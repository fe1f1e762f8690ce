// What a prompt must know of the language before a statement is run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tidal::db {

/// False while more lines are needed: an open string, bracket or statement, or a BEGIN without its COMMIT.
[[nodiscard]] bool is_complete(std::string_view text);

/// The statements of a script, each without its ";"; none when the script cannot be parsed.
[[nodiscard]] std::vector<std::string> statements_of(std::string_view text);

/// True when the script opens a batch of its own.
[[nodiscard]] bool has_batch(std::string_view text);

/// The word among `known` that `word` was probably meant to be, or "".
[[nodiscard]] std::string nearest_word(std::string_view word, const std::vector<std::string>& known);

}  // namespace tidal::db
