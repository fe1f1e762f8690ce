// The bounded rows beside an unbounded model on real likes: how many of the ten best neighbours are the same.
//
// MovieLens (tools/movielens.py): build/data/movielens/ratings.csv, or in the folder that TIDAL_MOVIELENS names.
// MovieTweetings: ratings.dat in build/data/movietweetings or in the folder that TIDAL_MOVIETWEETINGS names.
// Skipped where the files are not there. The figures: docs/co_engagement.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ordered_math.h"
#include "relationship/co_engagement.h"

namespace tidal::relationship {
namespace {

std::string path_of(const char* variable, const char* folder, const char* file) {
  const char* given = std::getenv(variable);
  return (given != nullptr ? std::string(given) : std::string(TIDAL_SOURCE_DIR "/build/data/") + folder) + "/" + file;
}

/// Lines of "user, item, rating, seconds" with that separator, as likes in order of time; ordinals by first appearance.
struct Source {
  std::string path;
  std::string separator;
  double rating_min = 0;
};
std::vector<Positive> likes_of(const Source& source) {
  std::ifstream in(source.path);
  std::vector<std::vector<double>> rows;
  for (std::string line; std::getline(in, line);) {
    std::vector<double> row;
    for (std::size_t at = 0; at != std::string::npos;) {
      const std::size_t end = line.find(source.separator, at);
      row.push_back(std::strtod(line.c_str() + at, nullptr));
      at = end == std::string::npos ? end : end + source.separator.size();
    }
    if (row.size() == 4 && row[3] > 0 && row[2] >= source.rating_min) rows.push_back(row);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a[3] < b[3]; });
  std::map<double, std::uint32_t> users;
  std::map<double, std::uint32_t> items;
  std::vector<Positive> out;
  for (const auto& row : rows) {
    const auto user = users.emplace(row[0], static_cast<std::uint32_t>(users.size())).first->second;
    const auto item = items.emplace(row[1], static_cast<std::uint32_t>(items.size())).first->second;
    out.push_back({to_ordinal(user), to_ordinal(item), Timestamp{static_cast<std::int64_t>(row[3]) * 1'000'000}});
  }
  return out;
}

/// Every pair there ever was.
class Unbounded {
 public:
  std::vector<int> likes;  // by item, as the next
  std::vector<std::set<Ordinal>> top10;

  explicit Unbounded(const std::vector<Positive>& all) {
    std::map<Ordinal, std::vector<RecentItem>> lists;  // oldest first
    for (const Positive& p : all) {
      const std::uint32_t i = to_index(p.item);
      if (i >= self_.size()) {
        pairs_.resize(i + 1);
        self_.resize(i + 1);
        likes.resize(i + 1);
      }
      std::vector<RecentItem>& list = lists[p.user];
      const auto known = std::find_if(list.begin(), list.end(), [&](const RecentItem& r) { return r.item == p.item; });
      if (known != list.end()) {
        std::rotate(known, known + 1, list.end());
        continue;
      }
      if (list.size() == 50) list.erase(list.begin());
      const double share = 1 / std::sqrt(static_cast<double>(list.size() + 1));
      for (const RecentItem& r : list) {
        const auto gap = static_cast<double>(std::abs(p.at.us - r.at.us));
        const double weight = base::ordered_exp(-0.6931471805599453 / (30 * 86400e6) * gap) * share;
        pairs_[i][to_index(r.item)] += weight;
        pairs_[to_index(r.item)][i] += weight;
      }
      self_[i] += share;
      ++likes[i];
      list.push_back({p.item, p.at});
    }
    for (std::uint32_t i = 0; i < self_.size(); ++i) top10.push_back(top10_of(i));
  }

 private:
  [[nodiscard]] std::set<Ordinal> top10_of(std::uint32_t item) const {
    std::vector<Neighbour> all;
    for (const auto& [other, weight] : pairs_[item]) {
      all.push_back({to_ordinal(other), similarity({.pair = weight, .self = self_[item], .other_self = self_[other]})});
    }
    const std::size_t n = std::min<std::size_t>(10, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n), all.end(),
                      [](const Neighbour& a, const Neighbour& b) {
                        return a.similarity != b.similarity ? a.similarity > b.similarity : a.item < b.item;
                      });
    std::set<Ordinal> out;
    for (std::size_t k = 0; k < n; ++k) out.insert(all[k].item);
    return out;
  }

  std::vector<std::unordered_map<std::uint32_t, double>> pairs_;
  std::vector<double> self_;
};

struct Overlap {
  double of_all = 0;
  double of_liked = 0;  ///< of items with five likes and more
};

Overlap overlap(const std::vector<Positive>& likes, const Unbounded& model, std::uint32_t neighbours) {
  CoEngagement bounded({.neighbours = neighbours, .recent = 50});
  for (const Positive& p : likes) bounded.record(p);
  double sums[2] = {0, 0};
  double counts[2] = {0, 0};
  for (std::uint32_t i = 0; i < model.top10.size(); ++i) {
    const std::set<Ordinal>& expected = model.top10[i];
    if (expected.empty()) continue;
    double same = 0;
    for (const Neighbour& n : bounded.neighbours(to_ordinal(i), 10)) same += expected.contains(n.item) ? 1 : 0;
    for (const std::size_t part : {0U, 1U}) {
      if (part == 1 && model.likes[i] < 5) continue;
      sums[part] += same / static_cast<double>(expected.size());
      counts[part] += 1;
    }
  }
  const Overlap out{.of_all = sums[0] / counts[0], .of_liked = sums[1] / counts[1]};
  std::printf("%zu likes, %.0f items, rows of %u: overlap %.3f; %.3f of items with 5 likes and more\n", likes.size(),
              counts[0], neighbours, out.of_all, out.of_liked);
  return out;
}

// A stream of single likes, as a feed gives them.
TEST(CoEngagementData, KeepsNineOfTenBestNeighboursOfAStreamOfLikes) {
  const Source source{path_of("TIDAL_MOVIETWEETINGS", "movietweetings", "ratings.dat"), "::", 8};
  const std::vector<Positive> likes = likes_of(source);
  if (likes.empty()) GTEST_SKIP() << source.path << " is not there";
  const Overlap found = overlap(likes, Unbounded(likes), 64);
  EXPECT_GE(found.of_all, 0.9);
  EXPECT_GE(found.of_liked, 0.9);
}

// People who enter their taste of a lifetime in one evening: most items see more than 64 others with their first user,
// so rows of 64 lose more. Longer rows reach the nine of ten.
TEST(CoEngagementData, KeepsWhatRowsOf64CanOfCataloguesEnteredAtOnce) {
  const Source source{path_of("TIDAL_MOVIELENS", "movielens", "ratings.csv"), ",", 4};
  const std::vector<Positive> likes = likes_of(source);
  if (likes.empty()) GTEST_SKIP() << source.path << " is not there";
  const Unbounded model(likes);
  EXPECT_GE(overlap(likes, model, 64).of_all, 0.75);
  EXPECT_GE(overlap(likes, model, 128).of_all, 0.9);
  EXPECT_GE(overlap(likes, model, 256).of_liked, 0.9);
}

}  // namespace
}  // namespace tidal::relationship
