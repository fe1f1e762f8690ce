// An error as a person wants to see it: the message, the line with a caret under the place, the hint.
#pragma once

#include <string>
#include <string_view>

#include "cli/terminal.h"
#include "tidal/result.h"

namespace tidal::cli {

/// Several lines, each ended by a line break:
///   error[InvalidArgument]: items have no field 'categry'
///     1 | RETRIEVE items FILTER categry = "jazz";
///       |                       ^^^^^^^ expected a field, a signal, or a flag
///     hint: did you mean 'category'?
/// Further errors of the same batch follow, each in this form.
[[nodiscard]] std::string error_text(const Terminal& terminal, const Error& error);

/// Writes error_text to terminal.err and returns Exit::Failed.
Exit fail(const Terminal& terminal, const Error& error);
/// Writes "warning: …" to terminal.err, and what is in terminal.out before it.
void warn(const Terminal& terminal, std::string_view text);

}  // namespace tidal::cli
