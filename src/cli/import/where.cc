// A parser of one page and a postfix evaluator.
#include "cli/import/where.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "cli/import/cell_value.h"

namespace tidal::cli {

namespace {
constexpr int kNestingMax = 32;
}

class WhereParser {
 public:
  explicit WhereParser(std::string_view text) : text_(text), rest_(text) {}

  Result<Where> parse() {
    TIDAL_TRY(list(0));
    skip_spaces();
    if (!rest_.empty()) return wrong("AND, OR or the end");
    return std::move(where_);
  }

 private:
  using Op = Where::Op;

  Status list(int depth) {
    TIDAL_TRY(any(depth));
    while (take(",")) {
      TIDAL_TRY(any(depth));
      push(Op::And);
    }
    return {};
  }
  Status any(int depth) {
    TIDAL_TRY(all(depth));
    while (take_word("OR")) {
      TIDAL_TRY(all(depth));
      push(Op::Or);
    }
    return {};
  }
  Status all(int depth) {
    TIDAL_TRY(one(depth));
    while (take_word("AND")) {
      TIDAL_TRY(one(depth));
      push(Op::And);
    }
    return {};
  }
  Status one(int depth) {
    if (depth > kNestingMax) return Error(Code::InvalidArgument, "where: nested deeper than 32");
    if (take_word("NOT")) {
      TIDAL_TRY(one(depth + 1));
      push(Op::Not);
      return {};
    }
    if (take("(")) {
      TIDAL_TRY(list(depth + 1));
      return take(")") ? Status() : Status(wrong("')'"));
    }
    return comparison();
  }

  Status comparison() {
    Where::Step step;
    TIDAL_TRY_ASSIGN(const std::string column, column_name());
    const auto at = std::find(where_.columns_.begin(), where_.columns_.end(), column);
    step.column = static_cast<std::size_t>(at - where_.columns_.begin());
    if (at == where_.columns_.end()) where_.columns_.push_back(column);
    TIDAL_TRY_ASSIGN(step.op, operation());
    TIDAL_TRY(literal(step));
    where_.steps_.push_back(std::move(step));
    return {};
  }

  Result<std::string> column_name() {
    skip_spaces();
    const std::size_t end = rest_.find_first_of(" \t=!<>(),\"");
    const std::string name(rest_.substr(0, end));
    if (name.empty()) return wrong("a column");
    rest_.remove_prefix(name.size());
    return name;
  }

  Result<Op> operation() {
    constexpr std::pair<std::string_view, Op> kOperations[] = {{"!=", Op::Ne}, {"<=", Op::Le}, {">=", Op::Ge},
                                                               {"=", Op::Eq},  {"<", Op::Lt},  {">", Op::Gt}};
    for (const auto& [text, op] : kOperations) {
      if (take(text)) return op;
    }
    return wrong("one of = != < <= > >=");
  }

  Status literal(Where::Step& step) {
    skip_spaces();
    if (!rest_.empty() && rest_.front() == '"') {
      const std::size_t end = rest_.find('"', 1);
      if (end == std::string_view::npos) return wrong("a closing quote");
      step.text = rest_.substr(1, end - 1);
      rest_.remove_prefix(end + 1);
      return {};
    }
    const std::string_view word = rest_.substr(0, rest_.find_first_of(" \t),"));
    const std::optional<double> number = parse_number(word);
    if (!number) return wrong("a number or a \"string\"");
    step.numeric = true;
    step.number = *number;
    rest_.remove_prefix(word.size());
    return {};
  }

  void push(Op op) {
    Where::Step step;
    step.op = op;
    where_.steps_.push_back(std::move(step));
  }
  void skip_spaces() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  bool take(std::string_view token) {
    skip_spaces();
    if (rest_.substr(0, token.size()) != token) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  bool take_word(std::string_view word) {
    skip_spaces();
    if (rest_.size() < word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
      if (std::toupper(static_cast<unsigned char>(rest_[i])) != word[i]) return false;
    }
    if (rest_.size() > word.size() && rest_[word.size()] != ' ' && rest_[word.size()] != '(') return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  Error wrong(std::string_view what) const {
    const std::string got = rest_.empty() ? "the end" : "'" + std::string(rest_.substr(0, 20)) + "'";
    return Error(Code::InvalidArgument, "where, character " + std::to_string(text_.size() - rest_.size() + 1) +
                                            ": expected " + std::string(what) + ", got " + got);
  }

  std::string_view text_;
  std::string_view rest_;
  Where where_;
};

Result<Where> Where::parse(std::string_view text) { return WhereParser(text).parse(); }

bool Where::compare(const Step& step, std::string_view cell) {
  int order = 0;
  if (step.numeric) {
    const std::optional<double> number = parse_number(cell);
    if (!number) return false;
    order = *number < step.number ? -1 : *number > step.number ? 1 : 0;
  } else {
    order = cell.compare(step.text);
  }
  switch (step.op) {
    case Op::Eq: return order == 0;
    case Op::Ne: return order != 0;
    case Op::Lt: return order < 0;
    case Op::Le: return order <= 0;
    case Op::Gt: return order > 0;
    case Op::Ge: return order >= 0;
    default: return false;
  }
}

bool Where::passes(const std::vector<std::string_view>& cells) const {
  std::vector<bool> stack;
  for (const Step& step : steps_) {
    if (step.op == Op::Not) {
      stack.back() = !stack.back();
    } else if (step.op == Op::And || step.op == Op::Or) {
      const bool right = stack.back();
      stack.pop_back();
      stack.back() = step.op == Op::And ? stack.back() && right : stack.back() || right;
    } else {
      const std::size_t place = places_[step.column];
      stack.push_back(compare(step, place < cells.size() ? cells[place] : std::string_view{}));
    }
  }
  return stack.empty() || stack.back();
}

}  // namespace tidal::cli
