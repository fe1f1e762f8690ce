// Pieces of statements as text, for the printer's files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "query/ast.h"

namespace tidal::query {

[[nodiscard]] std::string print_key(const Key& key);
[[nodiscard]] std::string print_text(const Text& text);
[[nodiscard]] std::string print_word(const Word& word);
[[nodiscard]] std::string print_number(const Number& number);
[[nodiscard]] std::string print_whole(const Whole& whole);
[[nodiscard]] std::string print_time(const Time& time);
[[nodiscard]] std::string print_span(const TimeSpan& span);
[[nodiscard]] std::string print_window(const WindowRef& window);
[[nodiscard]] std::string print_profile(const ProfileRef& profile);
[[nodiscard]] std::string print_field(const FieldName& field);
[[nodiscard]] std::string print_call(const Call& call);
[[nodiscard]] std::string print_cohort(const Cohort& cohort);
[[nodiscard]] std::string print_explore(const Explore& explore);
[[nodiscard]] std::string print_with(const With& with);
[[nodiscard]] std::string print_kinds(EntityKind kind);
[[nodiscard]] std::string print_define(const Define& define);
[[nodiscard]] std::string print_alter(const Alter& alter);
[[nodiscard]] std::string print_drop(const Drop& drop);
/// "word" as it stands where the grammar asks for a word, in quotes where it must.
[[nodiscard]] std::string print_bare_word(std::string_view word);

/// The pieces, comma-separated.
template <class T, class F>
[[nodiscard]] std::string print_list(const std::vector<T>& list, F print_one) {
  std::string out;
  for (const T& element : list) {
    if (!out.empty()) out += ", ";
    out += print_one(element);
  }
  return out;
}

}  // namespace tidal::query
