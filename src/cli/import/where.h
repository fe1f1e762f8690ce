// The condition of a map: which rows it takes.   or := and {OR and}, and := not {AND not}, loosest of all the comma.
//
// A comparison with a number is numeric (a cell that is no number does not pass), one with a string by bytes.
// Threads: immutable once bound.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/result.h"

namespace tidal::cli {

class Where {
 public:
  /// Everything passes.
  Where() = default;
  /// InvalidArgument says where in the text it went wrong.
  [[nodiscard]] static Result<Where> parse(std::string_view text);

  /// Names (or numbers from 1) of the columns, each once.
  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }
  /// `places[i]`: the cell in which column i of columns() stands.
  void bind(std::vector<std::size_t> places) { places_ = std::move(places); }
  /// Does the row pass? Cells beyond the row are empty.
  [[nodiscard]] bool passes(const std::vector<std::string_view>& cells) const;

 private:
  friend class WhereParser;
  enum class Op { Eq, Ne, Lt, Le, Gt, Ge, And, Or, Not };
  /// Postfix: comparisons push, And and Or take two, Not takes one.
  struct Step {
    Op op = Op::Eq;
    std::size_t column = 0;  // into columns_
    bool numeric = false;
    double number = 0;
    std::string text;
  };
  [[nodiscard]] static bool compare(const Step& step, std::string_view cell);

  std::vector<Step> steps_;
  std::vector<std::string> columns_;
  std::vector<std::size_t> places_;
};

}  // namespace tidal::cli
