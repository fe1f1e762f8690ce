// On MovieLens, with what a platform adds to it, every view equals a fold of the log by the documented rules.
//
// Ratings as the demo maps them, each movie with a studio and a vector by its genres; follows, blocks, undos, late
// events, repeats, hides, deletions and forgotten users in between. One seed, so that each run is the same.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/memory_file_system.h"
#include "db/forget.h"
#include "test/core_fixture.h"
#include "test/fold/folds.h"
#include "test/fold/vector_fold.h"
#include "test/fold/wide_history.h"

namespace tidal::test::fold {
namespace {

const std::string kPath = "/db";
constexpr std::size_t kBatch = 500;
#ifdef TIDAL_SANITIZED
constexpr std::size_t kRatingsMax = 15'000;
#else
constexpr std::size_t kRatingsMax = 1'000'000;
#endif
constexpr std::uint64_t kStudios = 150;

constexpr std::string_view kSchema = R"(BEGIN;
DEFINE FIELD item.title TEXT;
DEFINE FIELD item.year INT INDEXED;
DEFINE FIELD item.genres KEYWORD[] INDEXED INTEREST;
DEFINE FIELD user.name TEXT;
DEFINE SIGNAL rating ROLE view VALUE 0.5..5 DECAY exponential(90d) WINDOWS 1h, 24h, 7d, 30d VELOCITY UNIQUE
  SCOPE global, user EFFECTS preference +0.02, creator +0.02, mark seen;
DEFINE SIGNAL like ROLE positive DECAY exponential(90d) WINDOWS 1h, 24h, 7d, 30d VELOCITY UNIQUE SCOPE global, user
  EFFECTS preference +0.10, creator +0.15, affinity +0.30, mark liked;
DEFINE SIGNAL dislike ROLE negative DECAY linear(60d) WINDOWS 1h, 24h, 7d, 30d
  EFFECTS preference -0.10, creator -0.10, affinity -0.30, mark disliked;
DEFINE EMBEDDING item.taste SIZE 16 PREFERENCE;
DEFINE RELATION follows FROM user TO creator WINDOWS 24h, 30d UNIQUE EFFECTS preference +0.10, creator +0.30;
DEFINE RELATION blocks FROM user TO creator EXCLUDES always EFFECTS preference -0.10;
DEFINE RELATION friend FROM user TO user HALF LIFE 90d;
COMMIT;)";

/// The cells of a line; quotes around a cell are doubled inside of it.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  bool is_quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      if (is_quoted && i + 1 < line.size() && line[i + 1] == '"')
        cells.back() += line[i++];
      else
        is_quoted = !is_quoted;
    } else if (line[i] == ',' && !is_quoted) {
      cells.emplace_back();
    } else if (line[i] != '\r') {
      cells.back() += line[i];
    }
  }
  return cells;
}

std::vector<std::vector<std::string>> rows_of(const std::string& name) {
  const std::string path = std::string(TIDAL_SOURCE_DIR) + "/build/data/movielens/" + name;
  std::ifstream in(path);
  std::vector<std::vector<std::string>> rows;
  std::string line;
  std::getline(in, line);  // the names of the columns
  while (std::getline(in, line)) rows.push_back(cells_of(line));
  return rows;
}

/// Near to one another for movies of the same genres, and never quite the same.
Vector taste_of(const std::vector<std::string>& genres, std::uint64_t movie) {
  Vector taste(16);
  base::Random noise(movie + 1);
  for (float& x : taste) x = static_cast<float>(noise.uniform() - 0.5) * 0.8F;
  for (const std::string& genre : genres) {
    std::uint64_t seed = 0;
    for (const char c : genre) seed = seed * 31 + static_cast<unsigned char>(c);
    base::Random direction(seed);
    for (float& x : taste) x += static_cast<float>(direction.uniform() - 0.5) * 2;
  }
  return taste;
}

class Platform {
 public:
  Platform() { open(); }

  void add_movies() {
    std::vector<Operation> all;
    for (const auto& row : rows_of("movies.csv")) {
      movies_.push_back(row);
      all.emplace_back(put_of(row));
    }
    write_all(std::move(all), clock_.now());
  }
  PutOperation put_of(const std::vector<std::string>& row) {
    PutOperation put{.key = row[0]};
    put.entity.creator = "s" + std::to_string(std::stoull(row[0]) * 2654435761U % kStudios);
    put.entity.created_at_open = true;
    put.entity.fields["title"] = row[1];
    if (!row[2].empty()) put.entity.fields["year"] = static_cast<std::int64_t>(std::stoll(row[2]));
    std::vector<std::string> genres;
    for (std::size_t at = 0; at < row[3].size();) {
      const std::size_t end = std::min(row[3].find('|', at), row[3].size());
      genres.push_back(row[3].substr(at, end - at));
      at = end + 1;
    }
    put.entity.embeddings["taste"] = taste_of(genres, std::stoull(row[0]));
    put.entity.fields["genres"] = std::move(genres);
    return put;
  }
  /// Ratings [from, to) of the file, in its order.
  void add_ratings(std::size_t from, std::size_t to) {
    if (ratings_.empty()) ratings_ = rows_of("ratings.csv");
    Timestamp at = clock_.now();
    for (std::size_t i = from; i < std::min(to, ratings_.size()); ++i) {
      at = Timestamp{std::stoll(ratings_[i][3]) * 1'000'000};
      add_rating(ratings_[i], at);
      if (batch_.size() < kBatch) continue;
      flush(at);
      if (random_.below(40) == 0) take_somebody_away();
    }
    flush(at);
  }
  [[nodiscard]] std::size_t ratings() {
    if (ratings_.empty()) ratings_ = rows_of("ratings.csv");
    return std::min(ratings_.size(), kRatingsMax);
  }
  void open() {
    auto opened = open_core(fs_, clock_, kPath);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    core_ = std::move(*opened);
    if (core_->views().schema().version == 0) define(*core_, kSchema);
  }
  void checkpoint() { ASSERT_TRUE(core_->checkpoint().ok()); }
  void crash() {
    fs_.crash();
    core_.reset();
  }
  [[nodiscard]] ViewDigests digest() { return by_view(core_->digest().value()); }

  void compare(const char* when) {
    core_->settle();
    const Result<Told> told = Told::from_log(fs_, kPath);
    ASSERT_TRUE(told.ok()) << told.error().to_string();
    Differences differences;
    compare_all(*told, core_->views(), clock_.now(), differences);
    EXPECT_TRUE(differences.none()) << when << ": " << differences.report();
    std::printf("%s: %zu records; answers compared:", when, told->happenings.size());
    for (const auto& [view, n] : differences.counts()) {
      std::printf(" %s %llu", view.c_str(), static_cast<unsigned long long>(n));
    }
    for (const auto& [view, n] : differences.undecided_counts()) {
      std::printf("; undecided in %s %llu", view.c_str(), static_cast<unsigned long long>(n));
      EXPECT_LT(n * 20, told->all(EntityKind::User).size());
    }
    std::printf("\n");
  }

 private:
  void add_rating(const std::vector<std::string>& row, Timestamp at) {
    const double stars = std::stod(row[2]);
    // Some tell late what they saw.
    if (random_.below(50) == 0) at = at - hours(static_cast<std::int64_t>(random_.below(24 * 90)));
    Signal signal{.kind = "rating", .item = row[1], .user = row[0], .value = stars, .at = at};
    batch_.emplace_back(signal);
    if (random_.below(40) == 0) batch_.emplace_back(signal);  // a client that sends once more
    signal.value.reset();
    if (stars >= 4 || stars <= 2) {
      signal.kind = stars >= 4 ? "like" : "dislike";
      batch_.emplace_back(signal);
      if (random_.below(30) == 0) liked_.push_back(signal);
    }
    add_more(row[0], row[1], at);
  }
  void add_more(const std::string& user, const std::string& movie, Timestamp at) {
    const std::uint64_t dice = random_.below(1000);
    const std::string studio = "s" + std::to_string(std::stoull(movie) * 2654435761U % kStudios);
    if (dice < 30) batch_.emplace_back(Relate{.relation = "follows", .from = user, .to = studio, .at = at});
    if (dice >= 30 && dice < 36) {
      batch_.emplace_back(Relate{.relation = "follows", .from = user, .to = studio, .remove = true, .at = at});
    }
    if (dice >= 36 && dice < 40) {
      batch_.emplace_back(Relate{.relation = "blocks", .from = user, .to = studio, .at = at});
    }
    if (dice >= 40 && dice < 50) {
      const std::string other = std::to_string(1 + random_.below(600));
      if (other != user)
        batch_.emplace_back(Relate{.relation = "friend", .from = user, .to = other, .weight = 2, .at = at});
    }
    if (dice >= 50 && dice < 52) batch_.emplace_back(Hide{.key = movie, .unhide = dice == 50, .reason = "", .at = at});
    if (dice >= 52 && dice < 54) {
      PutOperation update{.key = movie, .update = true};
      update.entity.fields["genres"] = std::vector<std::string>{"Drama", "Seed " + std::to_string(dice)};
      update.entity.embeddings["taste"] = taste_of({"Drama"}, random_.next());
      batch_.emplace_back(std::move(update));
    }
    if (dice >= 60 && dice < 80 && !liked_.empty()) {
      const Signal& undone = liked_[random_.below(liked_.size())];
      batch_.emplace_back(Unsignal{.kind = undone.kind, .item = undone.item, .user = undone.user, .at = at});
    }
  }
  void flush(Timestamp at) { write_all(std::exchange(batch_, {}), at); }
  /// In batches; one by one where the refusal of one would keep the others from being written.
  void write_all(std::vector<Operation> all, Timestamp at) {
    clock_.set(std::max(clock_.now(), at));
    for (std::size_t begin = 0; begin < all.size(); begin += kBatch) {
      const std::size_t end = std::min(all.size(), begin + kBatch);
      const std::vector<Operation> part(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                        all.begin() + static_cast<std::ptrdiff_t>(end));
      if (write(*core_, part).ok()) continue;
      for (const Operation& one : part) {
        const Result<SeqNo> written = write(*core_, {one});
        ASSERT_TRUE(written.ok() || written.error().code == Code::NotFound) << written.error().to_string();
      }
    }
  }
  void take_somebody_away() {
    const auto& movie = movies_[random_.below(movies_.size())];
    const std::string user = std::to_string(1 + random_.below(600));
    const std::uint64_t dice = random_.below(4);
    if (dice == 0) static_cast<void>(db::forget_user(*core_, user));
    if (dice == 1) write_all({DeleteOperation{.kind = EntityKind::User, .key = user}}, clock_.now());
    if (dice == 2) write_all({DeleteOperation{.key = movie[0]}}, clock_.now());
    if (dice == 3) write_all({DeleteOperation{.key = movie[0]}, put_of(movie)}, clock_.now());
  }

  base::MemoryFileSystem fs_{1};
  base::FixedClock clock_{Timestamp{789'000'000'000'000}};  // 1995, before the first rating
  base::Random random_{1};
  std::unique_ptr<db::Core> core_;
  std::vector<std::vector<std::string>> movies_;
  std::vector<std::vector<std::string>> ratings_;
  std::vector<Operation> batch_;
  std::vector<Signal> liked_;
};

TEST(MovieLensFold, EqualsEveryView) {
  Platform platform;
  platform.add_movies();
  const std::size_t ratings = platform.ratings();
  ASSERT_GT(ratings, 0U) << "there is no MovieLens: run tools/movielens.py";
  platform.add_ratings(0, ratings / 3);
  platform.compare("a third");
  platform.checkpoint();
  platform.add_ratings(ratings / 3, ratings);
  const ViewDigests live = platform.digest();
  platform.crash();
  platform.open();
  EXPECT_EQ(live, platform.digest());
  platform.compare("all, from a checkpoint and the log's rest");
}

}  // namespace
}  // namespace tidal::test::fold
