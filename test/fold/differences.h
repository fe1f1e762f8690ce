// Where a view's answer is not what the fold of the log gives; and how much was compared.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/types.h"

namespace tidal::test::fold {

class Differences {
 public:
  /// The view that the comparisons from here on are about.
  void about(std::string_view view) {
    view_ = view;
    compared_ = &counts_[std::string(view)];
  }

  /// `what()` names the question; it is asked only where the answers differ.
  template <class Expected, class Got, class What>
  void same(const Expected& expected, const Got& got, const What& what) {
    ++*compared_;
    if (expected == got) return;
    note(what(), text(expected), text(got));
  }
  template <class What>
  void near(double expected, double got, double tolerance, const What& what) {
    ++*compared_;
    const double error = std::abs(expected - got);
    if (error <= tolerance) return;  // false for NaN
    note(what(), text(expected), text(got));
  }
  /// Within 1e-9 of the larger of the two.
  template <class What>
  void relative(double expected, double got, const What& what) {
    near(expected, got, 1e-9 * std::max(std::abs(expected), std::abs(got)) + 1e-12, what);
  }
  /// Could not be compared, for a reason that the rules give (rounding decides).
  void undecided() { ++undecided_[view_]; }

  [[nodiscard]] bool none() const { return found_ == 0; }
  /// The first ones, a line each.
  [[nodiscard]] std::string report() const {
    std::string out = std::to_string(found_) + " differences\n";
    for (const std::string& line : lines_) out += "  " + line + "\n";
    return out;
  }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& undecided_counts() const { return undecided_; }
  [[nodiscard]] bool has_room() const { return lines_.size() < kLinesMax; }

 private:
  static constexpr std::size_t kLinesMax = 20;

  void note(const std::string& what, const std::string& expected, const std::string& got) {
    ++found_;
    if (has_room()) lines_.push_back(view_ + ": " + what + ": expected " + expected + ", got " + got);
  }

  static std::string text(const std::string& s) { return "'" + s + "'"; }
  static std::string text(Ordinal o) { return o == Ordinal::None ? "none" : std::to_string(to_index(o)); }
  static std::string text(Timestamp t) { return std::to_string(t.us); }
  static std::string text(double d) {
    std::ostringstream out;
    out.precision(17);
    out << d;
    return out.str();
  }
  static std::string text(bool b) { return b ? "true" : "false"; }
  template <class T>
  static std::string text(const std::vector<T>& all) {
    std::string out = "[";
    for (const T& each : all) out += (out.size() > 1 ? ", " : "") + text(each);
    return out + "]";
  }
  template <class T>
  static std::string text(const T& number) {
    if constexpr (std::is_arithmetic_v<T>) {
      return std::to_string(number);
    } else {
      return number.has_value() ? text(*number) : "nothing";
    }
  }

  std::string view_;
  std::uint64_t* compared_ = nullptr;
  std::map<std::string, std::uint64_t> counts_;
  std::map<std::string, std::uint64_t> undecided_;
  std::uint64_t found_ = 0;
  std::vector<std::string> lines_;
};

}  // namespace tidal::test::fold
