// The ledgers of all entity kinds, as reads see them.
#pragma once

#include "signal/ledger.h"
#include "tidal/types.h"

namespace tidal::signal {

/// Threads: as Ledger.
struct LedgerSet {
  Ledger items;
  Ledger users;
  Ledger creators;

  [[nodiscard]] Ledger& of(EntityKind kind) {
    switch (kind) {
      case EntityKind::User: return users;
      case EntityKind::Creator: return creators;
      case EntityKind::Item: break;
    }
    return items;
  }
  [[nodiscard]] const Ledger& of(EntityKind kind) const { return const_cast<LedgerSet*>(this)->of(kind); }
};

}  // namespace tidal::signal
