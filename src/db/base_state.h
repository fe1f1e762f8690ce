// The base: all state at one seqno, complete in itself, so that the segments before it may leave the log.
//
// The log then is the base and the records after it; replaying from the beginning means exactly that.
// B1: no segment leaves the log before a base at or after its last record was written, synced and read back.
// B2: a base needs nothing but itself: it holds every view's image and the content of every store.
// Format: docs/formats/base.md. Threads: as CheckpointDirectory.
#pragma once

#include <string>
#include <vector>

#include "base/file_system.h"
#include "materializer/checkpoint.h"
#include "storage/kv.h"

namespace tidal::db {

/// The bases of a data directory: one is kept, and every file of it is read back before it counts.
[[nodiscard]] materializer::CheckpointDirectory base_directory(base::FileSystem& fs, const std::string& database);

/// What a base holds beside the views' images: the fields of the entities. All references outlive the answer.
[[nodiscard]] std::vector<materializer::StoreFile> base_stores(base::FileSystem& fs,
                                                               storage::KeyValueStore& entity_store, SeqNo seqno);

/// Makes the checkpoint at `seqno`, with the store that is at the same seqno, a base: its files are copied, the store
/// is dumped beside them. Nobody may have the directory open. Corruption, IoError, ResourceExhausted.
[[nodiscard]] Status promote_checkpoint(base::FileSystem& fs, const std::string& database, SeqNo seqno);

}  // namespace tidal::db
