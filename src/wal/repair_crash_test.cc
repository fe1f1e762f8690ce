// Power failures at every operation of a repair: it can be done again, ends the same, and loses no damaged original.
#include <gtest/gtest.h>

#include <functional>

#include "base/case_stride_for_test.h"
#include "wal/repair_fixture.h"

namespace tidal::wal {
namespace {

using base::MemoryFileSystem;

std::unique_ptr<MemoryFileSystem> files_with_seed(const Image& image, std::uint64_t seed) {
  auto fs = std::make_unique<MemoryFileSystem>(seed);
  EXPECT_TRUE(fs->create_directories(kDir).ok());
  for (const auto& [name, content] : image) {
    EXPECT_TRUE(base::write_file_atomically(*fs, std::string(kDir) + "/" + name, content).ok());
  }
  return fs;
}

/// A frame, a footer, a header, a size, a missing segment and a name, each in a segment of its own where there are
/// enough of them.
Image damaged_everywhere(const WholeLog& whole, std::uint64_t seed) {
  base::Random random(seed);
  std::vector<std::string> names;
  for (const auto& [name, content] : whole.image) names.push_back(name);
  Image image = whole.image;
  const std::size_t n = names.size();
  const FrameExtent& frame = whole.frames[random.below(whole.frames.size() - 1)];
  image[frame.segment][frame.begin + 5] ^= 1;
  image[names[1 % n]][image[names[1 % n]].size() - kPageBytes] ^= 1;
  image[names[2 % n]][9] ^= 1;
  if (n > 3) image[names[3]].resize(image[names[3]].size() - 5000);
  if (n > 6) {
    image[segment_file_name(SeqNo{999'999})] = image[names[4]];
    image.erase(names[4]);
  }
  if (n > 5) image.erase(names[n - 2]);
  return image;
}

bool holds(const Image& files, const std::string& content) {
  return std::ranges::any_of(files, [&](const auto& file) { return file.second == content; });
}

/// Says what was wrong, if anything.
std::string crash_at(const Image& damaged, const Image& repaired_image, const RepairPlan& first, std::uint64_t n,
                     std::uint64_t seed, const std::function<void(MemoryFileSystem&)>& sabotage) {
  const auto fs = files_with_seed(damaged, seed);
  if (sabotage) sabotage(*fs);
  fs->stop_at(n);
  const Status applied = apply_repair(*fs, first, kAside);
  if (applied.ok()) return "done";
  fs->crash();
  for (const SegmentRewrite& rewrite : first.rewrites) {
    if (rewrite.source.empty()) continue;
    if (!holds(files_below(*fs, "/db"), damaged.at(rewrite.source)))
      return rewrite.source + " is nowhere after a crash";
  }
  const Result<RepairPlan> again = plan_repair(*fs, kDir);
  if (!again.ok()) return again.error().to_string();
  if (const Status done = apply_repair(*fs, *again, kAside); !done.ok()) return done.error().to_string();
  fs->crash();
  if (image_of(*fs) != repaired_image) return "another log than without the crash";
  for (const SegmentRewrite& rewrite : first.rewrites) {
    if (rewrite.source.empty()) continue;
    if (!holds(files_below(*fs, "/db/damaged"), damaged.at(rewrite.source))) return rewrite.source + " is not kept";
  }
  return "";
}

/// Three segments that changed names, and one that stands in the place of another one.
Image misnamed(const WholeLog& whole) {
  std::vector<std::string> names;
  for (const auto& [name, content] : whole.image) names.push_back(name);
  EXPECT_GE(names.size(), 5U);
  Image image = whole.image;
  for (std::size_t i = 0; i < 3; ++i) image[names[i]] = whole.image.at(names[(i + 1) % 3]);
  image[names[3]] = whole.image.at(names[4]);
  return image;
}

/// How often a crash at any operation of the repair did harm; `wrong` is the first one's.
int count_harm(const WholeLog& whole, const Image& damaged, std::uint64_t coin_seeds, std::string& wrong,
               const std::function<void(MemoryFileSystem&)>& sabotage) {
  const RepairPlan plan = repaired(whole, *files_with_seed(damaged, 0));
  EXPECT_GE(plan.rewrites.size(), 4U) << text_of(plan);
  const auto fs = files_with_seed(damaged, 0);
  EXPECT_TRUE(apply_repair(*fs, plan, kAside).ok());
  const Image repaired_image = image_of(*fs);
  int harm = 0;
  for (std::uint64_t seed = 0; seed < coin_seeds; ++seed) {
    for (std::uint64_t n = 1; n < 10'000; ++n) {
      const std::string said = crash_at(damaged, repaired_image, plan, n, seed, sabotage);
      if (said == "done") {
        EXPECT_GT(n, 30U);
        break;
      }
      if (said.empty()) continue;
      if (harm++ == 0) wrong = "operation " + std::to_string(n) + " seed " + std::to_string(seed) + ": " + said;
    }
  }
  return harm;
}

int count_harm(std::uint64_t log_seed, std::uint64_t coin_seeds, std::string& wrong,
               const std::function<void(MemoryFileSystem&)>& sabotage) {
  const WholeLog whole = whole_log(log_seed, 30);
  return count_harm(whole, damaged_everywhere(whole, log_seed), coin_seeds, wrong, sabotage);
}

TEST(RepairCrash, OfSegmentsThatChangedNamesCanBeDoneAgain) {  // R3
  const WholeLog whole = whole_log(20, 60);
  std::string wrong;
  EXPECT_EQ(count_harm(whole, misnamed(whole), 3, wrong, {}), 0) << wrong;
}

TEST(RepairCrash, CanBeDoneAgainAndEndsTheSame) {  // R3
  for (std::uint64_t log_seed = 20; log_seed < 26; log_seed += base::kCaseStride) {
    std::string wrong;
    EXPECT_EQ(count_harm(log_seed, 4, wrong, {}), 0) << "log seed " << log_seed << ": " << wrong;
  }
}

TEST(RepairCrashCanary, NoticesThatCopiesAreNotSynced) {
  std::string wrong;
  EXPECT_GT(
      count_harm(20, 2, wrong, [](MemoryFileSystem& fs) { fs.ignore_syncs(MemoryFileSystem::SyncKind::File, kAside); }),
      0);
}

TEST(RepairCrashCanary, NoticesThatNewSegmentsAreNotSynced) {
  std::string wrong;
  EXPECT_GT(count_harm(20, 2, wrong,
                       [](MemoryFileSystem& fs) { fs.ignore_syncs(MemoryFileSystem::SyncKind::File, ".wal.tmp"); }),
            0);
}

TEST(RepairCrash, IsToldOfAFullDiskAndLeavesTheLog) {
  const WholeLog whole = whole_log(20, 30);
  const Image damaged = damaged_everywhere(whole, 20);
  const auto fs = files_with_seed(damaged, 0);
  const Result<RepairPlan> plan = plan_repair(*fs, kDir);
  ASSERT_TRUE(plan.ok());
  for (const std::uint64_t space : {0U, 10'000U, 20'000U}) {
    fs->set_space(space);
    EXPECT_EQ(apply_repair(*fs, *plan, kAside).error().code, Code::ResourceExhausted);
    EXPECT_TRUE(image_of(*fs) == damaged || space > 16'384U);
  }
  fs->set_space(std::uint64_t{1} << 30);
  ASSERT_TRUE(apply_repair(*fs, *plan_repair(*fs, kDir), kAside).ok());
  EXPECT_TRUE(verify_log(*fs, kDir)->defects.empty());
}

}  // namespace
}  // namespace tidal::wal
