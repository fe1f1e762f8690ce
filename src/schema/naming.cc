// Which names a definition may have, and which known name a misspelt one may have meant.
#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>

#include "schema/validation.h"

namespace tidal::schema {
namespace {

constexpr std::size_t kIdentifierMax = 64;

constexpr std::string_view kReserved[] = {
    "and",     "or",     "not",    "in",     "between",  "true",  "false",   "now",  "all",     "null", "for",
    "with",    "within", "filter", "cohort", "window",   "using", "similar", "from", "exclude", "sort", "diversity",
    "explore", "min",    "record", "as",     "deadline", "after", "limit",   "when", "until"};

// What the query engine computes for a candidate of any kind.
constexpr std::string_view kComputedForAll[] = {"key",           "preference_match", "creator_affinity",
                                                "item_affinity", "co_engagement",    "source_score",
                                                "text_score",    "vector_score",     "score"};
// Items only: a declared field of a user or creator with such a name wins (`user.age`).
constexpr std::string_view kComputedForItems[] = {"created_at",  "age",      "creator",  "unseen", "seen",
                                                  "liked",       "disliked", "saved",    "shared", "completed",
                                                  "in_progress", "hidden",   "scheduled"};

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Damerau-Levenshtein distance (adjacent swaps count one), without regard to case.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0U : 1U)});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

bool is_reserved(std::string_view name) {
  return std::any_of(std::begin(kReserved), std::end(kReserved),
                     [&](std::string_view word) { return equal_ignoring_case(word, name); });
}

bool is_computed_name(EntityKind kind, std::string_view name) {
  const auto is_name = [&](std::string_view word) { return word == name; };
  if (std::any_of(std::begin(kComputedForAll), std::end(kComputedForAll), is_name)) return true;
  return kind == EntityKind::Item && std::any_of(std::begin(kComputedForItems), std::end(kComputedForItems), is_name);
}

bool is_identifier(std::string_view name) {
  if (name.empty() || name.size() > kIdentifierMax || !is_ascii_letter(name.front())) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return is_ascii_letter(c) || is_ascii_digit(c); });
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& known) {
  // A long wrong name is nobody's misspelling, and the distance costs its length squared.
  if (name.empty() || name.size() > 2 * kIdentifierMax) return "";
  const std::size_t allowed = name.size() <= 3 ? 1 : std::max<std::size_t>(2, name.size() / 3);
  std::string best;
  std::size_t best_distance = allowed + 1;
  for (const std::string& candidate : known) {
    if (candidate.size() > name.size() + allowed || name.size() > candidate.size() + allowed) continue;
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace tidal::schema
