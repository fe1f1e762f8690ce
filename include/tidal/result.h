// Errors as values: Error, Result<T>, Status, and the two macros that pass an error on.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tidal {

/// What a caller can act on. There is no "ok" value: an Error is always an error.
enum class Code : std::uint8_t {
  InvalidArgument = 1,     ///< the request is wrong; sending it again will not help
  NotFound = 2,            ///< a named entity, signal, file … does not exist
  AlreadyExists = 3,       ///< a different definition of that name exists
  FailedPrecondition = 4,  ///< right request, wrong moment or state
  ResourceExhausted = 5,   ///< disk, memory or a limit is used up; may succeed once freed
  Unavailable = 6,         ///< busy or closed; retry
  DeadlineExceeded = 7,
  IoError = 8,     ///< the operating system refused a read, write or sync
  Corruption = 9,  ///< bytes on disk are not what was written
  AlreadyOpen = 10,
  Unauthenticated = 11,
  PermissionDenied = 12,
  Internal = 13,  ///< a bug of ours
};

/// "InvalidArgument" and so on; never empty.
[[nodiscard]] std::string_view code_name(Code code);

/// Where in a statement or an input line an error lies, and what would have been right.
struct ErrorDetail {
  std::uint32_t statement = 0;  ///< number of the statement in its script, from 1; 0: not in a statement
  std::uint32_t line = 0;       ///< from 1
  std::uint32_t column = 0;     ///< in characters, from 1
  std::uint32_t length = 0;     ///< of the offending text, in characters
  std::string source_line;      ///< the line the caret points into
  std::vector<std::string> expected;
  std::string nearest;  ///< the nearest known name, or empty
  std::string hint;
  std::optional<std::int64_t> retry_after_ms;
};

/// One failure. `message` says what failed, then the values (`checksum mismatch: segment 7 offset 4096`).
struct [[nodiscard]] Error {
  Code code;
  std::string message;
  std::shared_ptr<const ErrorDetail> detail;  // shared: errors are copied along futures and batches
  std::vector<Error> others;                  ///< further errors of the same batch, each whole

  Error(Code c, std::string m) : code(c), message(std::move(m)) {}
  Error(Code c, std::string m, ErrorDetail d)
      : code(c), message(std::move(m)), detail(std::make_shared<const ErrorDetail>(std::move(d))) {}

  /// "InvalidArgument: message", without the detail.
  [[nodiscard]] std::string to_string() const;
};

/// A T or an Error. Reading the wrong side is a bug and aborts.
template <class T>
class [[nodiscard]] Result {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): `return value;` is the point.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  [[nodiscard]] T& value() & { return *std::get_if<0>(check()); }
  [[nodiscard]] const T& value() const& { return *std::get_if<0>(check()); }
  [[nodiscard]] T&& value() && { return std::move(*std::get_if<0>(check())); }
  [[nodiscard]] T& operator*() & { return value(); }
  [[nodiscard]] const T& operator*() const& { return value(); }
  [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }
  [[nodiscard]] T* operator->() { return &value(); }
  [[nodiscard]] const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const& {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  [[nodiscard]] Error&& error() && {
    assert(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error>* check() {
    if (!ok()) std::abort();
    return &state_;
  }
  const std::variant<T, Error>* check() const {
    if (!ok()) std::abort();
    return &state_;
  }
  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : error_(std::make_unique<Error>(std::move(error))) {}
  Result(const Result& other) : error_(other.error_ ? std::make_unique<Error>(*other.error_) : nullptr) {}
  Result(Result&&) noexcept = default;
  Result& operator=(const Result& other) {
    error_ = other.error_ ? std::make_unique<Error>(*other.error_) : nullptr;
    return *this;
  }
  Result& operator=(Result&&) noexcept = default;
  ~Result() = default;

  [[nodiscard]] bool ok() const noexcept { return error_ == nullptr; }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const Error& error() const& {
    assert(!ok());
    return *error_;
  }
  [[nodiscard]] Error&& error() && {
    assert(!ok());
    return std::move(*error_);
  }

 private:
  std::unique_ptr<Error> error_;
};

using Status = Result<void>;

#define TIDAL_CONCAT_INNER(a, b) a##b
#define TIDAL_CONCAT(a, b) TIDAL_CONCAT_INNER(a, b)

/// Evaluates a Status or Result; returns its error from the enclosing function if it failed.
#define TIDAL_TRY(expr)                                                      \
  do {                                                                       \
    if (auto tidal_try_result = (expr); !tidal_try_result.ok()) [[unlikely]] \
      return std::move(tidal_try_result).error();                            \
  } while (false)

/// `TIDAL_TRY_ASSIGN(auto x, f());` declares x from the value, or returns the error.
#define TIDAL_TRY_ASSIGN(decl, expr) TIDAL_TRY_ASSIGN_INNER(TIDAL_CONCAT(tidal_try_, __LINE__), decl, expr)
#define TIDAL_TRY_ASSIGN_INNER(tmp, decl, expr) \
  auto tmp = (expr);                            \
  if (!tmp.ok()) [[unlikely]]                   \
    return std::move(tmp).error();              \
  decl = std::move(tmp).value()

}  // namespace tidal
