// The builder of include/tidal/query.h: clauses to text, values to parameters.
#include "tidal/query.h"

namespace tidal {
namespace {

// The builder's own parameters; a caller who binds one of these names replaces the value.
constexpr std::string_view kUser = "builder_user";
constexpr std::string_view kExclude = "builder_exclude";
constexpr std::string_view kDeadline = "builder_deadline";
constexpr std::string_view kAfter = "builder_after";

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += separator;
    out += part;
  }
  return out;
}

}  // namespace

Retrieve& Retrieve::for_user(std::string_view key) {
  user_ = key;
  params_.insert_or_assign(std::string(kUser), Value(std::string(key)));
  return *this;
}

Retrieve& Retrieve::using_profile(std::string_view name) {
  profile_ = name;
  return *this;
}

Retrieve& Retrieve::sort_by(std::string_view sort) {
  sort_ = sort;
  return *this;
}

Retrieve& Retrieve::filter(std::string_view condition) {
  filters_.push_back("(" + std::string(condition) + ")");
  return *this;
}

Retrieve& Retrieve::exclude(std::vector<std::string> keys) {
  params_.insert_or_assign(std::string(kExclude), Value(std::move(keys)));
  return *this;
}

Retrieve& Retrieve::window(std::string_view window) {
  window_ = window;
  return *this;
}

Retrieve& Retrieve::with(std::string_view part) {
  parts_.emplace_back(part);
  return *this;
}

Retrieve& Retrieve::deadline(Duration d) {
  deadline_ = d;
  params_.insert_or_assign(std::string(kDeadline), Value(d));
  return *this;
}

Retrieve& Retrieve::after(std::string cursor) {
  params_.insert_or_assign(std::string(kAfter), Value(std::move(cursor)));
  return *this;
}

Retrieve& Retrieve::limit(std::uint32_t n) {
  limit_ = n;
  return *this;
}

Retrieve& Retrieve::param(std::string_view name, ParamValue value) {
  params_.insert_or_assign(std::string(name), std::move(value));
  return *this;
}

std::string Retrieve::statement() const {
  std::string text = "RETRIEVE " + kinds_;
  const auto bound = [this, &text](std::string_view clause, std::string_view name) {
    if (params_.contains(name)) text += " " + std::string(clause) + " $" + std::string(name);
  };
  if (!user_.empty()) bound("FOR USER", kUser);
  if (!profile_.empty()) text += " USING PROFILE " + profile_;
  if (!filters_.empty()) text += " FILTER " + join(filters_, ", ");
  bound("EXCLUDE", kExclude);
  if (!window_.empty()) text += " WINDOW " + window_;
  if (!sort_.empty()) text += " SORT BY " + sort_;
  if (!parts_.empty()) text += " WITH " + join(parts_, ", ");
  bound("DEADLINE", kDeadline);
  bound("AFTER", kAfter);
  if (limit_ != 0) text += " LIMIT " + std::to_string(limit_);
  return text;
}

}  // namespace tidal
