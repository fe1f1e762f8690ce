// A query built in C++ instead of text. Both make the same plan, since a builder only writes the text.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tidal/types.h"

namespace tidal {

/// What a parameter stands for: anything that a field can hold, or a vector.
class ParamValue {
 public:
  ParamValue() = default;
  template <class T>
  requires std::constructible_from<Value, T&&> &&
      (!std::same_as<std::remove_cvref_t<T>, ParamValue>)ParamValue(T&& value)
      : value_(Value(std::forward<T>(value))) {}                        // NOLINT: converts as Value does
  ParamValue(std::vector<float> vector) : value_(std::move(vector)) {}  // NOLINT: as above

  /// nullptr when it is the other.
  [[nodiscard]] const Value* value() const { return std::get_if<Value>(&value_); }
  [[nodiscard]] const std::vector<float>* vector() const { return std::get_if<std::vector<float>>(&value_); }
  friend bool operator==(const ParamValue&, const ParamValue&) = default;

 private:
  std::variant<Value, std::vector<float>> value_;
};

/// Values for the $names of a statement: bound, never spliced into its text.
using Params = std::map<std::string, ParamValue, std::less<>>;

/// RETRIEVE, clause by clause. Strings are in the language of docs/language.md; user input belongs into params.
///
///   Retrieve::items().for_user("u1").filter("unseen, category = $c").param("c", category).sort_by("hot").limit(20)
///
/// Not thread-safe. Nothing is checked before Database::retrieve.
class Retrieve {
 public:
  [[nodiscard]] static Retrieve items() { return Retrieve("items"); }
  [[nodiscard]] static Retrieve users() { return Retrieve("users"); }
  [[nodiscard]] static Retrieve creators() { return Retrieve("creators"); }

  Retrieve& for_user(std::string_view key);
  Retrieve& using_profile(std::string_view name);
  Retrieve& sort_by(std::string_view sort);
  /// Several calls are AND-combined.
  Retrieve& filter(std::string_view condition);
  Retrieve& exclude(std::vector<std::string> keys);
  Retrieve& window(std::string_view window);
  /// "fields(title, length)", "signals(view.count(24h))", "explain".
  Retrieve& with(std::string_view part);
  Retrieve& deadline(Duration d);
  /// The cursor of the previous page.
  Retrieve& after(std::string cursor);
  Retrieve& limit(std::uint32_t n);
  Retrieve& param(std::string_view name, ParamValue value);

  /// The statement, in canonical order, and the values it refers to.
  [[nodiscard]] std::string statement() const;
  [[nodiscard]] const Params& params() const { return params_; }

 private:
  explicit Retrieve(std::string_view kinds) : kinds_(kinds) {}
  std::string kinds_;
  std::string user_;
  std::string profile_;
  std::string sort_;
  std::string window_;
  std::vector<std::string> filters_;
  std::vector<std::string> parts_;
  Params params_;
  Duration deadline_{0};
  std::uint32_t limit_ = 0;
};

}  // namespace tidal
