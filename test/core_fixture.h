// A database over any files and clock, with every step in hand: what suites that cross folders open, define and write.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/file_system.h"
#include "db/core.h"
#include "db/prepare.h"
#include "db/session.h"
#include "query/parser.h"
#include "storage/kv.h"
#include "test/history.h"

namespace tidal::test {

inline constexpr Timestamp kStart{1'700'000'000'000'000};
inline constexpr std::size_t kSegmentBytes = 64U << 10U;

using ViewDigests = std::map<std::string, std::string>;

inline ViewDigests by_view(const DigestReport& report) { return {report.by_view.begin(), report.by_view.end()}; }

/// Small segments, and nothing happens by itself.
inline Result<std::unique_ptr<db::Core>> open_core(base::FileSystem& fs, const base::Clock& clock,
                                                   const std::string& path,
                                                   db::Stores::Files stores = db::Stores::Files::Plain) {
  Options options;
  options.create_if_missing = true;
  options.segment_bytes = kSegmentBytes;
  options.checkpoint_every_bytes = 0;
  options.checkpoint_on_close = false;
  options.log_level = LogLevel::Off;
  return db::Core::open(path, options, {.fs = fs, .clock = clock, .stores = stores, .background = false});
}

inline void define(db::Core& core, std::string_view text) {
  const Result<query::Script> script = query::parse(text);
  ASSERT_TRUE(script.ok()) << script.error().to_string();
  const Params params;
  db::Session session(core, params);
  for (const query::Statement& statement : script->statements) {
    const auto done = session.execute(statement);
    ASSERT_TRUE(done.ok()) << done.error().to_string();
  }
  ASSERT_TRUE(session.finish().ok());
}

/// Writes what can be written of a step.
inline void write_step(db::Core& core, const Step& step) {
  db::Preparer preparer = core.preparer();
  Result<db::PreparedBatch> batch = db::prepare_batch(preparer, step.operations, {});
  if (batch.ok()) static_cast<void>(core.commit(*batch));
}

}  // namespace tidal::test
