// Parsing and printing of times and durations.
#include "base/time_text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <limits>

namespace tidal {
namespace {

constexpr std::int64_t kSecond_us = 1'000'000;
constexpr std::int64_t kDay_us = 86'400 * kSecond_us;

void append_padded(std::int64_t value, std::size_t width, std::string& out) {
  const std::string digits = std::to_string(value);
  out.append(digits.size() < width ? width - digits.size() : 0, '0');
  out += digits;
}

}  // namespace

std::string to_string(Timestamp t) {
  std::int64_t day = t.us / kDay_us;
  std::int64_t us = t.us % kDay_us;
  if (us < 0) {
    us += kDay_us;
    --day;
  }
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  std::string out;
  append_padded(static_cast<int>(date.year()), 4, out);
  out += '-';
  append_padded(static_cast<unsigned>(date.month()), 2, out);
  out += '-';
  append_padded(static_cast<unsigned>(date.day()), 2, out);
  out += 'T';
  append_padded(us / (3'600 * kSecond_us), 2, out);
  out += ':';
  append_padded(us / (60 * kSecond_us) % 60, 2, out);
  out += ':';
  append_padded(us / kSecond_us % 60, 2, out);
  if (const std::int64_t fraction = us % kSecond_us; fraction != 0) {
    out += '.';
    append_padded(fraction, 6, out);
    out.erase(out.find_last_not_of('0') + 1);
  }
  return out += 'Z';
}

namespace base {
namespace {

/// Takes pieces off the front of a text; every step is empty once one has failed.
class Pieces {
 public:
  explicit Pieces(std::string_view text) : text_(text) {}

  /// Exactly `width` digits.
  std::int64_t digits(std::size_t width) {
    std::int64_t value = 0;
    if (text_.size() < width) failed_ = true;
    for (std::size_t i = 0; i < width && !failed_; ++i) {
      if (text_[i] < '0' || text_[i] > '9') failed_ = true;
      value = value * 10 + (text_[i] - '0');
    }
    if (failed_) return 0;
    text_.remove_prefix(width);
    return value;
  }
  void expect(char c) {
    if (!take(c)) failed_ = true;
  }
  bool take(char c) {
    if (failed_ || text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// At least one digit, as a part of a second; more than microseconds must be zeros.
  std::int64_t fraction_us() {
    std::int64_t value = 0;
    std::size_t n = 0;
    for (; n < text_.size() && text_[n] >= '0' && text_[n] <= '9'; ++n) {
      if (n < 6) value = value * 10 + (text_[n] - '0');
      if (n >= 6 && text_[n] != '0') failed_ = true;
    }
    if (n == 0) failed_ = true;
    for (std::size_t i = n; i < 6; ++i) value *= 10;
    text_.remove_prefix(n);
    return value;
  }
  void fail_unless(bool condition) { failed_ = failed_ || !condition; }
  [[nodiscard]] bool ok() const { return !failed_; }
  [[nodiscard]] bool at_end() const { return text_.empty(); }

 private:
  std::string_view text_;
  bool failed_ = false;
};

std::int64_t parse_day(Pieces& in) {
  const auto year = static_cast<int>(in.digits(4));
  in.expect('-');
  const auto month = static_cast<unsigned>(in.digits(2));
  in.expect('-');
  const auto day = static_cast<unsigned>(in.digits(2));
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month}, std::chrono::day{day}};
  in.fail_unless(date.ok());
  return in.ok() ? std::chrono::sys_days{date}.time_since_epoch().count() : 0;
}

std::int64_t parse_clock_us(Pieces& in) {
  const std::int64_t hour = in.digits(2);
  in.expect(':');
  const std::int64_t minute = in.digits(2);
  std::int64_t second = 0;
  std::int64_t fraction = 0;
  if (in.take(':')) {
    second = in.digits(2);
    if (in.take('.')) fraction = in.fraction_us();
  }
  in.fail_unless(hour < 24 && minute < 60 && second < 60);
  return ((hour * 60 + minute) * 60 + second) * kSecond_us + fraction;
}

std::int64_t parse_zone_us(Pieces& in) {
  if (in.take('Z') || in.at_end()) return 0;
  const bool east = in.take('+');
  if (!east) in.expect('-');
  const std::int64_t hour = in.digits(2);
  in.expect(':');
  const std::int64_t minute = in.digits(2);
  in.fail_unless(hour < 24 && minute < 60);
  return (east ? 1 : -1) * (hour * 60 + minute) * 60 * kSecond_us;
}

}  // namespace

Result<Timestamp> parse_time(std::string_view text) {
  constexpr std::int64_t kFirst_us = -62'167'219'200 * kSecond_us;  // 0000-01-01T00:00:00Z
  constexpr std::int64_t kLast_us = 253'402'300'800 * kSecond_us - 1;
  Pieces in(text);
  std::int64_t us = parse_day(in) * kDay_us;
  if (!in.at_end()) {
    in.expect('T');
    us += parse_clock_us(in);
    us -= parse_zone_us(in);
  }
  if (!in.ok() || !in.at_end() || us < kFirst_us || us > kLast_us) {
    return Error(Code::InvalidArgument, "time '" + std::string(text) +
                                            "': expected a form such as 2026-11-22, 2026-11-22T12:00Z or "
                                            "2026-11-22T12:00:00.5+01:00, years 0000 to 9999");
  }
  return Timestamp{us};
}

// "us" is read because durations below a millisecond print so; the message names what people write.
Result<Duration> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t us;
  };
  constexpr std::array<Unit, 7> kUnits = {{{"us", 1},
                                           {"ms", 1'000},
                                           {"s", kSecond_us},
                                           {"m", 60 * kSecond_us},
                                           {"h", 3'600 * kSecond_us},
                                           {"d", kDay_us},
                                           {"w", 7 * kDay_us}}};
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, ec] = std::from_chars(text.data(), end, count);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  if (ec == std::errc{} && text.front() != '-') {
    for (const Unit& u : kUnits) {
      if (u.name == unit && count <= std::numeric_limits<std::int64_t>::max() / u.us) return Duration{count * u.us};
    }
  }
  return Error(Code::InvalidArgument,
               "duration '" + std::string(text) +
                   "': expected a whole number and one of us, ms, s, m, h, d, w, such as 50ms or 7d");
}

}  // namespace base
}  // namespace tidal
