// What an error number of the operating system means to a caller.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "tidal/result.h"

namespace tidal::base {

/// NotFound, AlreadyExists, ResourceExhausted (space, memory, file descriptors), PermissionDenied (a read-only file
/// system, too), else IoError.
[[nodiscard]] Code code_of_errno(int number);

/// "WHAT PATH: No such file or directory", with that code.
[[nodiscard]] Error error_of_errno(int number, std::string_view what, const std::string& path);

}  // namespace tidal::base
