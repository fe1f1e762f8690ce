// Vocabulary of the tests that repair a whole directory: a database over files in memory, its files as a value, and a
// repair that crashes at any operation.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_file_system.h"
#include "db/core.h"
#include "db/offline/repairing.h"
#include "db/session.h"
#include "query/parser.h"

namespace tidal::db {

/// Content by path.
using Files = std::map<std::string, std::string>;

inline constexpr Timestamp kNow{1'700'000'000'000'000};

inline Result<std::unique_ptr<Core>> open_core(base::FileSystem& fs) {
  static const base::FixedClock clock(kNow);
  Options options;
  options.create_if_missing = true;
  options.segment_bytes = 64U << 10U;
  options.checkpoint_every_bytes = 0;
  options.checkpoint_on_close = false;
  options.log_level = LogLevel::Off;
  return Core::open("/db", options, {.fs = fs, .clock = clock, .stores = Stores::Files::Plain, .background = false});
}

inline void run(Core& core, const std::string& text) {
  const Result<query::Script> script = query::parse(text);
  ASSERT_TRUE(script.ok());
  const Params params;
  Session session(core, params);
  for (const query::Statement& statement : script->statements) {
    const auto done = session.execute(statement);
    ASSERT_TRUE(done.ok()) << text << ": " << done.error().to_string();
  }
  ASSERT_TRUE(session.finish().ok());
}

inline Files files_below(base::FileSystem& fs, const std::string& path) {
  Files found;
  if (!fs.is_directory(path)) return found;
  const std::vector<std::string> names = *fs.list(path);
  for (const std::string& name : names) {
    const std::string child = path + "/" + name;
    if (fs.is_directory(child)) {
      found.merge(files_below(fs, child));
    } else {
      found[child] = *base::read_file(fs, child);
    }
  }
  return found;
}

inline std::unique_ptr<base::MemoryFileSystem> with_files(const Files& content, std::uint64_t seed) {
  auto fs = std::make_unique<base::MemoryFileSystem>(seed);
  for (const auto& [path, bytes] : content) {
    EXPECT_TRUE(fs->create_directories(path.substr(0, path.rfind('/'))).ok());
    EXPECT_TRUE(base::write_file_atomically(*fs, path, bytes).ok());
  }
  return fs;
}

inline std::map<std::string, std::string> digest_of(base::FileSystem& fs) {
  const auto core = open_core(fs);
  EXPECT_TRUE(core.ok()) << core.error().to_string();
  if (!core.ok()) return {};
  const auto report = (*core)->digest();
  return {report->by_view.begin(), report->by_view.end()};
}

inline Files without(Files content, const std::string& part) {
  std::erase_if(content, [&](const auto& file) { return file.first.find(part) != std::string::npos; });
  return content;
}

/// Repairs with a crash at operation `n`, then again; false when the first repair came through.
inline bool crash_at(const Files& damaged, const Files& expected, std::uint64_t n, std::uint64_t seed) {
  const auto fs = with_files(damaged, seed);
  bool done = false;
  {
    auto plan = DirectoryRepair::plan(*fs, "/db");
    EXPECT_TRUE(plan.ok());
    fs->stop_at(n);
    done = (*plan)->apply().ok();
    fs->crash();
  }
  if (!done) {
    auto again = DirectoryRepair::plan(*fs, "/db");
    EXPECT_TRUE(again.ok()) << again.error().to_string();
    if (!again.ok()) return false;
    EXPECT_TRUE((*again)->apply().ok());
    fs->crash();
  }
  auto last = DirectoryRepair::plan(*fs, "/db");
  EXPECT_TRUE(last.ok() && (*last)->empty());
  last->reset();
  const Files after = files_below(*fs, "/db");
  EXPECT_EQ(without(without(after, "/damaged/"), ".tmp"), expected);
  for (const auto& [path, bytes] : damaged) {
    EXPECT_TRUE(std::ranges::any_of(after, [&content = bytes](const auto& file) { return file.second == content; }))
        << path << " is nowhere";
  }
  if (testing::Test::HasFailure()) return false;
  EXPECT_EQ(digest_of(*fs), digest_of(*with_files(without(without(after, "/checkpoints/"), "/stores"), 1)));
  return !done;
}

/// The files a repair leaves beside those it put aside.
inline Files repaired(const Files& damaged) {
  const auto fs = with_files(damaged, 1);
  auto plan = DirectoryRepair::plan(*fs, "/db");
  EXPECT_TRUE(plan.ok() && !(*plan)->empty());
  EXPECT_TRUE((*plan)->apply().ok());
  plan->reset();
  return without(files_below(*fs, "/db"), "/damaged/");
}

}  // namespace tidal::db
