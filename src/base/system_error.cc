// The one table of error numbers.
#include "base/system_error.h"

#include <cerrno>
#include <cstring>

namespace tidal::base {

Code code_of_errno(int number) {
  switch (number) {
    case ENOENT: return Code::NotFound;
    case EEXIST: return Code::AlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM: return Code::ResourceExhausted;
    case EACCES:
    case EPERM:
    case EROFS: return Code::PermissionDenied;
    default: return Code::IoError;
  }
}

Error error_of_errno(int number, std::string_view what, const std::string& path) {
  const char* const why = ::strerrordesc_np(number);  // thread-safe and in one language, unlike strerror
  return Error(code_of_errno(number),
               std::string(what) + " " + path + ": " + (why != nullptr ? why : std::to_string(number)));
}

}  // namespace tidal::base
