// Options say how a database runs, never what it holds: one history gives one state under all of them.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/memory_file_system.h"
#include "test/core_fixture.h"

namespace tidal::test {
namespace {

constexpr std::size_t kSteps = 400;

ViewDigests digest_under(const Options& options, bool reopens) {
  base::MemoryFileSystem fs(1);
  base::FixedClock clock{kStart};
  const auto open = [&] {
    return db::Core::open("/db", options,
                          {.fs = fs, .clock = clock, .stores = db::Stores::Files::Plain, .background = false})
        .value();
  };
  std::unique_ptr<db::Core> core = open();
  define(*core, history_schema());
  History history(5, kStart);
  for (std::size_t i = 0; i < kSteps; ++i) {
    clock.advance(minutes(3));
    write_step(*core, history.next());
    if (i % 100 != 99) continue;
    if (options.checkpoint_every_bytes != 0) {
      EXPECT_TRUE(core->checkpoint().ok());
    }
    if (!reopens) continue;
    EXPECT_TRUE(core->close().ok());
    core = open();
  }
  return by_view(core->digest().value());
}

TEST(Options, OfAnyCombinationGiveTheSameState) {
  using Mode = Durability::Mode;
  Options plain;
  plain.create_if_missing = true;
  plain.log_level = LogLevel::Off;
  const ViewDigests expected = digest_under(plain, false);
  for (const Mode mode : {Mode::Sync, Mode::Batched, Mode::Async}) {
    for (const std::size_t segment_bytes : {std::size_t{64} << 10U, std::size_t{64} << 20U}) {
      for (const std::uint64_t checkpoint_every_bytes : {std::uint64_t{0}, std::uint64_t{8} << 10U}) {
        for (const std::size_t memory_limit : {std::size_t{0}, std::size_t{1} << 30U}) {
          for (const bool reopens : {false, true}) {
            Options options = plain;
            options.durability = {.mode = mode, .max_events = 3, .max_delay = milliseconds(1)};
            options.segment_bytes = segment_bytes;
            options.checkpoint_every_bytes = checkpoint_every_bytes;
            options.checkpoint_on_close = checkpoint_every_bytes != 0;
            options.memory_limit = memory_limit;
            options.queue_bytes = memory_limit == 0 ? 1 : std::size_t{1} << 20U;
            ASSERT_EQ(digest_under(options, reopens), expected);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace tidal::test
