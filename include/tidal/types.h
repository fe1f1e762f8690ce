// The words of the API: times, ids, entity kinds, field values.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tidal {

/// A span of time in microseconds.
struct Duration {
  std::int64_t us = 0;
  constexpr auto operator<=>(const Duration&) const = default;
};

/// A moment: microseconds since 1970-01-01T00:00:00Z. Valid years: 0000 to 9999.
struct Timestamp {
  std::int64_t us = 0;
  constexpr auto operator<=>(const Timestamp&) const = default;
};

constexpr Duration microseconds(std::int64_t n) { return Duration{n}; }
constexpr Duration milliseconds(std::int64_t n) { return Duration{n * 1'000}; }
constexpr Duration seconds(std::int64_t n) { return Duration{n * 1'000'000}; }
constexpr Duration minutes(std::int64_t n) { return seconds(n * 60); }
constexpr Duration hours(std::int64_t n) { return minutes(n * 60); }
constexpr Duration days(std::int64_t n) { return hours(n * 24); }

constexpr Timestamp operator+(Timestamp t, Duration d) { return Timestamp{t.us + d.us}; }
constexpr Timestamp operator-(Timestamp t, Duration d) { return Timestamp{t.us - d.us}; }
constexpr Duration operator-(Timestamp a, Timestamp b) { return Duration{a.us - b.us}; }

/// "2026-11-22T12:00:00Z", with as many fractional digits as needed.
[[nodiscard]] std::string to_string(Timestamp t);
/// "90s", "24h", "7d": the largest unit that divides it.
[[nodiscard]] std::string to_string(Duration d);

/// Position of a record in the log: from 1, strictly increasing, without holes. 0 stands for "before the first".
struct SeqNo {
  std::uint64_t value = 0;
  constexpr auto operator<=>(const SeqNo&) const = default;
  [[nodiscard]] constexpr SeqNo next() const { return SeqNo{value + 1}; }
};

enum class EntityKind : std::uint8_t { Item = 0, User = 1, Creator = 2 };
inline constexpr std::size_t kEntityKinds = 3;

/// "item", "user", "creator".
[[nodiscard]] std::string_view kind_name(EntityKind kind);

/// Our dense 32-bit number of a key within its kind, in order of first appearance in the log.
enum class Ordinal : std::uint32_t { None = 0xFFFFFFFFU };
[[nodiscard]] constexpr std::uint32_t to_index(Ordinal o) { return static_cast<std::uint32_t>(o); }
[[nodiscard]] constexpr Ordinal to_ordinal(std::uint32_t i) { return static_cast<Ordinal>(i); }

/// A field's value. monostate is null: "not set" when read, "remove" in an UPDATE.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::string>, Timestamp,
                           Duration>;

/// Field name to value; ordered, so that everything printed from it is stable.
using Fields = std::map<std::string, Value, std::less<>>;

}  // namespace tidal
