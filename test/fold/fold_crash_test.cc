// On random histories with crashes every view equals a fold of the surviving log by the documented rules.
//
// TIDAL_HISTORIES: how many (10,000 take some minutes). TIDAL_SEED: only that one, of a failure.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/memory_file_system.h"
#include "test/core_fixture.h"
#include "test/fold/folds.h"
#include "test/fold/wide_history.h"

namespace tidal::test::fold {
namespace {

const std::string kPath = "/db";

#ifdef TIDAL_SANITIZED
constexpr std::uint64_t kHistories = 40;
#else
constexpr std::uint64_t kHistories = 400;
#endif
constexpr std::uint64_t kCrowdedEach = 40;  // of so many histories one is crowded
constexpr int kCrowdItems = 90;
constexpr int kCrowdUsers = 110;

struct Tally {
  std::uint64_t histories = 0, crashes = 0, comparisons = 0, from_checkpoint = 0, from_base = 0, from_nothing = 0;
  std::uint64_t records = 0, void_records = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(StepClass::Count)> steps{};
  std::map<WideClass, std::uint64_t> wide_steps;
  std::map<std::string, std::uint64_t> compared, undecided;
};

/// One database through its lives, by one seed.
class Lives {
 public:
  Lives(std::uint64_t seed, Tally& tally)
      : random_(seed),
        fs_(seed),
        history_(seed, kStart, seed % 4 != 0),
        forgets_(seed % 4 != 0),
        is_crowded_(seed % kCrowdedEach == 7),
        tally_(tally) {}

  void run() {
    const std::uint64_t lives = 1 + random_.below(3);
    for (std::uint64_t life = 0; life <= lives && !testing::Test::HasFailure(); ++life) {
      if (life > 0 && random_.below(4) == 0) drop_caches();
      open();
      if (core_ == nullptr) return;
      if (life > 0) compare();
      if (core_->views().schema().version == 0) {
        define(*core_, history_schema());
        if (!forgets_) define(*core_, "ALTER SETTINGS log_bytes:128KiB;");
      }
      if (testing::Test::HasFailure()) return;
      if (core_->views().entities().live_count(EntityKind::Item) == 0) fill();
      acknowledged_ = core_->applied();
      live();
    }
    ++tally_.histories;
    for (std::size_t c = 0; c < tally_.steps.size(); ++c) tally_.steps[c] += history_.plain().counts()[c];
    for (const auto& [c, n] : history_.counts()) tally_.wide_steps[c] += n;
  }

 private:
  void drop_caches() {
    EXPECT_TRUE(fs_.remove_all(kPath + "/checkpoints").ok());
    EXPECT_TRUE(fs_.remove_all(kPath + "/stores").ok());
  }
  void open() {
    auto opened = open_core(fs_, clock_, kPath);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    core_ = std::move(*opened);
    ASSERT_GE(core_->applied(), acknowledged_) << "an acknowledged event is gone";
    const db::OpenReport& report = core_->open_report();
    ++(report.checkpoint != SeqNo{} ? tally_.from_checkpoint
       : report.base != SeqNo{}     ? tally_.from_base
                                    : tally_.from_nothing);
  }
  /// So that signals have somebody to be about.
  void fill() {
    std::vector<Operation> all;
    const int items = is_crowded_ ? kCrowdItems : kHistoryItems;
    for (int i = 0; i < items; ++i) {
      PutOperation put{.key = "i" + std::to_string(i)};
      put.entity.creator = "c" + std::to_string(i % kHistoryCreators);
      put.entity.fields["category"] = std::string(i % 2 == 0 ? "jazz" : "rock");
      for (int d = 0; d < 6; ++d)
        put.entity.embeddings["content"].push_back(static_cast<float>((i * 7 + d * 3) % 5 - 2));
      put.entity.embeddings["content"][static_cast<std::size_t>(i % 6)] += 4;
      all.emplace_back(std::move(put));
    }
    ASSERT_TRUE(write(*core_, all).ok());
  }
  /// Now and then the power goes in the middle of an operation.
  void live() {
    const bool dies_inside = random_.coin();
    const std::uint64_t steps = 5 + random_.below(60);
    if (dies_inside) fs_.stop_at(1 + random_.below(6 * steps));
    bool is_dead = false;
    for (std::uint64_t i = 0; i < steps && !is_dead; ++i) {
      is_dead = !is_expected(history_.write_next(*core_, clock_), dies_inside);
      if (!is_dead && random_.below(12) == 0) is_dead = !is_expected(core_->checkpoint(), dies_inside);
      if (!is_dead && is_crowded_ && random_.below(4) == 0) is_dead = !is_expected(write_crowd(), dies_inside);
      if (is_dead || forgets_) continue;
      if (random_.below(4) == 0) is_dead = !is_expected(write(*core_, {bulky_put()}), dies_inside);
      if (!is_dead && random_.below(20) == 0) compact(dies_inside);
    }
    if (testing::Test::HasFailure()) return;
    if (!dies_inside && random_.coin()) compare();
    if (!dies_inside && random_.below(3) == 0) {
      core_.reset();  // a clean close
      return;
    }
    ++tally_.crashes;
    fs_.crash();
    core_.reset();
  }
  /// False when the files are gone. A refusal is none of ours.
  bool is_expected(const Result<SeqNo>& written, bool dies_inside) {
    if (written.ok()) {
      acknowledged_ = std::max(acknowledged_, *written);
      return true;
    }
    const Code code = written.error().code;
    if (dies_inside && code == Code::IoError) return false;
    EXPECT_TRUE(code == Code::NotFound || code == Code::InvalidArgument) << written.error().to_string();
    return true;
  }
  /// More users than a set holds exactly, more likes than a list and more pairs than a row take.
  Result<SeqNo> write_crowd() {
    std::vector<Operation> all;
    for (int n = 0; n < 80; ++n) {
      const std::uint64_t first = random_.below(kCrowdItems);  // low numbers are popular
      Signal signal{.kind = random_.below(3) == 0 ? "view" : "like",
                    .item = "i" + std::to_string(random_.below(first + 1)),
                    .user = "u" + std::to_string(random_.below(random_.coin() ? 4 : kCrowdUsers)),
                    .at = clock_.now() - seconds(static_cast<std::int64_t>(random_.below(100'000)))};
      if (core_->views().entities().is_live(EntityKind::Item,
                                            core_->views().entities().find(EntityKind::Item, signal.item))) {
        all.emplace_back(std::move(signal));
      }
    }
    return write(*core_, all);
  }
  /// Fills segments, so that there is something to compact.
  Operation bulky_put() {
    PutOperation put{.key = "i" + std::to_string(random_.below(kHistoryItems))};
    put.entity.fields["title"] = std::string(8000, 'T');
    return put;
  }
  void compact(bool dies_inside) {
    const auto done = core_->compact();
    EXPECT_TRUE(done.ok() || dies_inside) << done.error().to_string();
  }
  void compare() {
    const Result<Told> told = Told::from_log(fs_, kPath);
    ASSERT_TRUE(told.ok()) << told.error().to_string();
    if (random_.coin()) core_->settle();
    Differences differences;
    compare_all(*told, core_->views(), clock_.now(), differences);
    const Duration away = hours(static_cast<std::int64_t>(random_.below(24 * 60)));
    compare_all(*told, core_->views(), random_.coin() ? clock_.now() + away : clock_.now() - away, differences);
    EXPECT_TRUE(differences.none()) << differences.report();
    ++tally_.comparisons;
    tally_.records += told->happenings.size();
    for (const Happening& h : told->happenings) tally_.void_records += h.is_void ? 1 : 0;
    for (const auto& [view, n] : differences.counts()) tally_.compared[view] += n;
    for (const auto& [view, n] : differences.undecided_counts()) tally_.undecided[view] += n;
  }

  base::Random random_;
  base::MemoryFileSystem fs_;
  base::FixedClock clock_{kStart};
  WideHistory history_;
  const bool forgets_;  // else the log is compacted: a log that lost a forgotten user's keys tells less than the views
  const bool is_crowded_;
  Tally& tally_;
  std::unique_ptr<db::Core> core_;
  SeqNo acknowledged_;
};

void print(const Tally& tally) {
  std::printf(
      "%llu histories, %llu crashes; %llu opens from a checkpoint, %llu from a base, %llu from the log alone; "
      "%llu comparisons with %llu records, %llu of them void\n",
      static_cast<unsigned long long>(tally.histories), static_cast<unsigned long long>(tally.crashes),
      static_cast<unsigned long long>(tally.from_checkpoint), static_cast<unsigned long long>(tally.from_base),
      static_cast<unsigned long long>(tally.from_nothing), static_cast<unsigned long long>(tally.comparisons),
      static_cast<unsigned long long>(tally.records), static_cast<unsigned long long>(tally.void_records));
  const auto number = [](std::string_view name, std::uint64_t n) {
    std::printf(" %.*s %llu", static_cast<int>(name.size()), name.data(), static_cast<unsigned long long>(n));
  };
  std::printf("steps:");
  for (const auto& [c, n] : tally.wide_steps) number(wide_class_name(c), n);
  std::printf("\nplain ones and those in batches:");
  for (std::size_t c = 0; c < tally.steps.size(); ++c)
    number(step_class_name(static_cast<StepClass>(c)), tally.steps[c]);
  std::printf("\nanswers compared:");
  for (const auto& [view, n] : tally.compared) number(view, n);
  std::printf("\nundecided:");
  for (const auto& [view, n] : tally.undecided) number(view, n);
  std::printf("\n");
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(Fold, EqualsEveryViewAfterAnyCrash) {
  const std::uint64_t one = number_from("TIDAL_SEED", 0);
  const std::uint64_t histories = number_from("TIDAL_HISTORIES", kHistories);
  Tally tally;
  for (std::uint64_t seed = 1; seed <= histories && !testing::Test::HasFailure(); ++seed) {
    if (one != 0 && seed != 1) break;
    const std::uint64_t taken = one != 0 ? one : seed;
    SCOPED_TRACE("TIDAL_SEED=" + std::to_string(taken));
    Lives(taken, tally).run();
  }
  print(tally);
  if (testing::Test::HasFailure() || one != 0) return;
  EXPECT_GT(tally.crashes, histories / 4);
  EXPECT_GT(tally.from_checkpoint, histories / 10);
  EXPECT_GT(tally.from_nothing, histories / 10);
  if (histories >= 200) EXPECT_GT(tally.from_base, 0U);  // one in twenty
  EXPECT_GT(tally.void_records, 0U);
  for (std::size_t c = 0; c < static_cast<std::size_t>(WideClass::Count); ++c) {
    EXPECT_GT(tally.wide_steps[static_cast<WideClass>(c)], histories / 10)
        << wide_class_name(static_cast<WideClass>(c));
  }
  EXPECT_LT(tally.undecided["preference"] * 50, tally.compared["preference"]);
}

}  // namespace
}  // namespace tidal::test::fold
