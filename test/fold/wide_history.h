// Histories of everything a database can be told: the steps of test/history.h, alone and several in one batch, and
// between them what those leave out: later definitions, settings, users who are deleted or forgotten, idempotency keys,
// copies of events, opposites at the very same time, marks of imports, records that are void because something was
// deleted before they were written, rebuilds of views.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "db/core.h"
#include "test/history.h"

namespace tidal::test::fold {

enum class WideClass : std::uint8_t {
  Plain,
  Batch,
  Definition,
  Settings,
  UserDeleted,
  UserForgotten,
  KeyedSignal,
  NewSignal,
  Copy,
  Tie,
  Edges,
  ImportMark,
  Race,
  Rebuild,
  Count
};
[[nodiscard]] std::string_view wide_class_name(WideClass c);

/// The batch's last seqno; an error when it was refused or failed.
[[nodiscard]] Result<SeqNo> write(db::Core& core, const std::vector<Operation>& operations,
                                  const BatchOptions& options = {});
[[nodiscard]] Result<SeqNo> run(db::Core& core, std::string_view script);

class WideHistory {
 public:
  /// `forgets`: users may be forgotten. One seed gives one history.
  WideHistory(std::uint64_t seed, Timestamp start, bool forgets)
      : random_(seed), history_(seed * 31, start), forgets_(forgets) {}

  /// Draws and writes one step, as of now(), which moves on before `core` is asked. The last seqno it wrote, 0 for
  /// none.
  [[nodiscard]] Result<SeqNo> write_next(db::Core& core, base::FixedClock& clock);
  [[nodiscard]] const History& plain() const { return history_; }
  [[nodiscard]] const std::map<WideClass, std::uint64_t>& counts() const { return counts_; }

 private:
  [[nodiscard]] Step next(base::FixedClock& clock);
  [[nodiscard]] Result<SeqNo> write_batch(db::Core& core, base::FixedClock& clock);
  [[nodiscard]] Result<SeqNo> write_definition(db::Core& core);
  [[nodiscard]] Result<SeqNo> write_settings(db::Core& core);
  [[nodiscard]] Result<SeqNo> write_keyed(db::Core& core);
  [[nodiscard]] Result<SeqNo> write_new_signal(db::Core& core);
  [[nodiscard]] Result<SeqNo> write_copy(db::Core& core);
  [[nodiscard]] Result<SeqNo> write_tie(db::Core& core);
  [[nodiscard]] Result<SeqNo> write_edges(db::Core& core);
  [[nodiscard]] Result<SeqNo> write_null(db::Core& core);
  [[nodiscard]] Result<SeqNo> write_import(db::Core& core, base::FixedClock& clock);
  [[nodiscard]] Result<SeqNo> race(db::Core& core, base::FixedClock& clock);
  [[nodiscard]] Result<SeqNo> forget(db::Core& core);
  [[nodiscard]] std::string some_user() { return "u" + std::to_string(random_.below(kHistoryUsers + 1)); }
  [[nodiscard]] std::string some_item() { return "i" + std::to_string(random_.below(kHistoryItems)); }

  base::Random random_;
  History history_;
  const bool forgets_;
  std::size_t definitions_ = 0;
  std::vector<Operation> last_;  // of the last plain step
  std::map<WideClass, std::uint64_t> counts_;
};

}  // namespace tidal::test::fold
