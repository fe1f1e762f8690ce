// Draws what the clients of a simulated database do: operations, definitions, settings, by one seed.
//
// Some signals are sent again, as clients do that heard no answer: word for word, or with the same idempotency key, or
// with another time within the same second.
// Threads: one test's own.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "test/sim/declarations.h"
#include "test/sim/model.h"

namespace tidal::sim {

inline constexpr std::uint64_t kItems = 8;
inline constexpr std::uint64_t kUsers = 4;
inline constexpr std::uint64_t kCreators = 3;

[[nodiscard]] std::string item_key(std::uint64_t i);
[[nodiscard]] std::string user_key(std::uint64_t i);
[[nodiscard]] std::string creator_key(std::uint64_t i);

/// A statement that changes the schema, and the record it becomes; no record when it changes nothing.
struct SchemaChange {
  std::string statement;
  std::optional<SchemaStep> step;
};

class Workload {
 public:
  /// A heavy workload writes long titles, so that the log soon needs another segment.
  Workload(std::uint64_t seed, bool heavy) : random_(seed), heavy_(heavy) {}

  /// The operations of one batch, mostly such that are taken.
  [[nodiscard]] std::vector<Operation> operations(const Model& model, Timestamp now);
  /// The definitions every database starts with.
  [[nodiscard]] static SchemaChange first_schema(Timestamp now);
  [[nodiscard]] SchemaChange schema_change(const Model& model, Timestamp now);
  /// Settings under which a log of few segments is to be compacted.
  [[nodiscard]] SchemaChange small_log(const Model& model, Timestamp now);
  /// Mostly one who is known.
  [[nodiscard]] std::string user_to_forget(const Model& model);

 private:
  [[nodiscard]] Signal signal(const Model& model, Timestamp now);
  [[nodiscard]] Signal repeated();
  [[nodiscard]] Operation put(bool update, Timestamp now);
  [[nodiscard]] Operation removal();
  [[nodiscard]] Timestamp event_time(Timestamp now);
  [[nodiscard]] bool one_in(std::uint64_t n) { return random_.below(n) == 0; }

  base::Random random_;
  bool heavy_;
  std::deque<Signal> sent_;  // the last few
};

}  // namespace tidal::sim
