// What makes two signals one event: the caller's idempotency key, else who did what to which item in which second.
//
// I1: an id is a function of the record alone, so that a replay finds the ids that the writer found.
// I2: a signal without key whose user or time the caller did not give has no identity: it is never a duplicate.
// Threads: pure functions.
#pragma once

#include "wal/record.h"

namespace tidal::db {

/// The first 128 bits of BLAKE3 over the idempotency key, else over (signal, target, user, second of the event time);
/// none for what is no signal, has no identity (I2) or was made anonymous. Cost: one BLAKE3 of a short text.
[[nodiscard]] wal::EventId event_id_of(const wal::Record& record);

}  // namespace tidal::db
