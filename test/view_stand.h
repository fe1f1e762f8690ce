// All views over a store in memory, and random records for them: what suites about views stand on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory_file_system.h"
#include "db/prepare.h"
#include "db/views.h"
#include "storage/kv.h"
#include "test/history.h"

namespace tidal::test {

inline constexpr Timestamp kHistoryStart{1'700'000'000'000'000};

/// Encoded records in seqno order, as a log would hand them out.
using Records = std::vector<std::string>;

/// Decodes records [from, to); views point into them.
[[nodiscard]] std::vector<wal::WalEvent> events_of(const Records& records, std::size_t from, std::size_t to);

/// Views over stores that belong to them.
struct Stand {
  base::MemoryFileSystem fs{1};
  db::Stores stores;
  std::unique_ptr<db::Views> views;

  Stand();
  void apply(const std::string& bytes);
  void apply(const Records& records, std::size_t from, std::size_t to);
  [[nodiscard]] std::string digest(std::string_view view) const;
  [[nodiscard]] std::vector<std::string> names() const;
};

/// Applies an operation's record and adds it to the records.
void append(Stand& lead, Records& records, const db::PreparedRecord& prepared);

/// Records of a random history; what the preparer refuses is left out, as a database would.
[[nodiscard]] Records random_records(std::uint64_t seed, std::size_t steps);
/// The same with about `erasures` erasures of its users in between, who come back now and then.
[[nodiscard]] Records random_records(std::uint64_t seed, std::size_t steps, std::size_t erasures);

/// The record that forgets a user; `number` makes its salt.
[[nodiscard]] db::PreparedRecord erasure_of(std::string_view user, std::uint64_t number, Timestamp at);

}  // namespace tidal::test
