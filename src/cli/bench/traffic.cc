// Seeds that no two clients share.
#include "cli/bench/traffic.h"

#include <fmt/format.h>

#include <atomic>
#include <string>

namespace tidal::cli {
namespace {

std::uint64_t next_seed() {
  static std::atomic<std::uint64_t> seed{0};
  return seed.fetch_add(1, std::memory_order_relaxed);  // relaxed: only that each is given once matters
}

}  // namespace

Traffic::Traffic(std::uint64_t items, std::uint64_t users, bool has_keys)
    : items_(items), users_(users), has_keys_(has_keys), random_(next_seed()) {}

void Traffic::fill(std::span<Signal> signals) {
  for (Signal& signal : signals) {
    signal = {.kind = random_.below(10) == 0 ? "like" : "view",
              .item = "i" + std::to_string(random_.below(items_)),
              .user = "u" + std::to_string(random_.below(users_)),
              .idempotency_key = has_keys_ ? fmt::format("{:016x}", random_.next()) : ""};
  }
}

Status write_new(Database& db, std::span<const Signal> signals) {
  TIDAL_TRY_ASSIGN(const std::vector<WriteReply> replies, db.signals(signals));
  for (const WriteReply& reply : replies) {
    if (reply.status != "applied") return Error(Code::FailedPrecondition, "a signal was " + reply.status);
  }
  return {};
}

}  // namespace tidal::cli
