// A process that runs out of file descriptors: what needs one is refused with ResourceExhausted, loses nothing, and
// works again once there are some.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/memory_file_system.h"
#include "test/core_fixture.h"
#include "test/sim/limited_file_system.h"
#include "test/sim/questions.h"

namespace tidal::sim {
namespace {

const std::string kPath = "/db";

class Scarcity : public testing::Test {
 protected:
  Result<std::unique_ptr<db::Core>> open_result() { return test::open_core(limits, clock, kPath); }
  /// A title each, so that segments fill up.
  Status put() {
    return run_script(*core, "PUT item @i" + std::to_string(++items) + " {\"fields\":{\"title\":\"" +
                                 std::string(9'000, 'x') + "\"}}");
  }
  void write_segments(std::size_t count) {
    while (core->stats().log_segments < count) ASSERT_TRUE(put().ok());
  }
  void SetUp() override {
    core = open_result().value();
    ASSERT_TRUE(run_script(*core, "DEFINE FIELD item.title TEXT").ok());
    ASSERT_TRUE(run_script(*core, "ALTER SETTINGS log_bytes:128KiB, log_archive:false").ok());
  }

  base::MemoryFileSystem fs;
  LimitedFileSystem limits{fs};
  base::FixedClock clock{test::kStart};
  std::unique_ptr<db::Core> core;
  int items = 0;
};

TEST_F(Scarcity, OfDescriptorsAtAnOpenIsNoDamage) {
  write_segments(4);
  ASSERT_TRUE(core->checkpoint().ok());
  ASSERT_GT(core->compact()->segments_removed, 0U);
  const std::string digest = core->digest()->all;
  core.reset();
  for (const bool has_checkpoints : {true, false}) {
    if (!has_checkpoints) {
      ASSERT_TRUE(fs.remove_all(kPath + "/checkpoints").ok());
    }
    int refused = 0;
    for (std::uint64_t spare = 0; core == nullptr; ++spare) {
      ASSERT_LT(spare, 20U);
      limits.set_spare_files(spare);
      auto opened = open_result();
      limits.set_spare_files(LimitedFileSystem::kUnlimited);
      if (opened.ok()) {
        core = std::move(*opened);
      } else {
        ++refused;
        EXPECT_EQ(opened.error().code, Code::ResourceExhausted) << spare << ": " << opened.error().to_string();
      }
    }
    EXPECT_GT(refused, 0);
    EXPECT_EQ(core->open_report().checkpoint != SeqNo{}, has_checkpoints) << "it was given up for want of a descriptor";
    EXPECT_EQ(core->digest()->all, digest);
    core.reset();
  }
}

/// Opening from a base fills the store anew.
TEST_F(Scarcity, OfSpaceAtAnOpenIsNoDamage) {
  write_segments(4);
  ASSERT_TRUE(core->checkpoint().ok());
  ASSERT_GT(core->compact()->segments_removed, 0U);
  const std::string digest = core->digest()->all;
  core.reset();
  ASSERT_TRUE(fs.remove_all(kPath + "/checkpoints").ok());
  ASSERT_TRUE(fs.remove_all(kPath + "/stores").ok());
  int refused = 0;
  for (std::uint64_t bytes = 0; core == nullptr; bytes += 10'000) {
    ASSERT_LT(bytes, 10'000'000U);
    fs.set_space(bytes);
    auto opened = open_result();
    if (opened.ok()) {
      core = std::move(*opened);
    } else {
      ++refused;
      ASSERT_EQ(opened.error().code, Code::ResourceExhausted) << bytes << ": " << opened.error().to_string();
    }
  }
  EXPECT_GT(refused, 1);
  EXPECT_EQ(core->digest()->all, digest);
}

TEST_F(Scarcity, OfDescriptorsRefusesARotationACheckpointAndACompaction) {
  write_segments(4);
  limits.set_spare_files(0);
  Status refused;
  int written = 0;
  for (; refused.ok() && written < 20; ++written) refused = put();
  EXPECT_EQ(refused.error().code, Code::ResourceExhausted);
  EXPECT_EQ(core->checkpoint().error().code, Code::ResourceExhausted);
  EXPECT_EQ(core->compact().error().code, Code::ResourceExhausted);
  limits.set_spare_files(LimitedFileSystem::kUnlimited);
  EXPECT_TRUE(put().ok());
  EXPECT_TRUE(core->checkpoint().ok());
  EXPECT_GT(core->compact()->segments_removed, 0U);
  const std::string digest = core->digest()->all;
  const std::size_t live = core->stats().items;
  core.reset();
  fs.crash();
  core = open_result().value();
  EXPECT_EQ(core->digest()->all, digest);
  EXPECT_EQ(core->stats().items, live);
}

/// In the middle of a compaction too: with every number of descriptors it ends, or can be tried again.
TEST_F(Scarcity, OfDescriptorsInsideACompactionLosesNothing) {
  bool done = false;
  for (std::uint64_t spare = 0; !done; ++spare) {
    ASSERT_LT(spare, 20U);
    write_segments(4);
    limits.set_spare_files(spare);
    const Result<CompactionReport> report = core->compact();
    limits.set_spare_files(LimitedFileSystem::kUnlimited);
    done = report.ok();
    if (!done) {
      EXPECT_EQ(report.error().code, Code::ResourceExhausted) << report.error().to_string();
      const auto again = core->compact();
      EXPECT_TRUE(again.ok()) << "spare " << spare << ": " << again.error().to_string();
    }
    const std::string digest = core->digest()->all;
    core.reset();
    fs.crash();
    core = open_result().value();
    EXPECT_EQ(core->digest()->all, digest);
  }
}

}  // namespace
}  // namespace tidal::sim
