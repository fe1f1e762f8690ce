// The base: all state at one seqno, complete in itself, so that the segments before it may leave the log.
//
// The log then is the base and the records after it; replaying from the beginning means exactly that.
// B1: no segment leaves the log before a base at or after its last record was written, synced and read back.
// B2: a base needs nothing but itself: it holds every view's image and the content of every store.
// B3: a base is read as long as every view reads the image it has there, whichever logic wrote it.
// Format: docs/formats/base.md. Threads: as CheckpointDirectory.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "materializer/checkpoint.h"
#include "materializer/registry.h"
#include "wal/log.h"

namespace tidal::db {

/// The bases of a data directory: one is kept, and every file of it is read back before it counts.
[[nodiscard]] materializer::CheckpointDirectory base_directory(base::FileSystem& fs, const std::string& database);

/// FailedPrecondition when the newest base is of logic that the views do not read (B3): names the first such view, its
/// version and theirs.
[[nodiscard]] Status check_base_is_readable(const materializer::CheckpointDirectory& bases,
                                            const materializer::Registry& views);

/// Why a replay from the first record failed: such a base would have spared it, or else `error`.
[[nodiscard]] Error cause_of_failed_replay(const materializer::CheckpointDirectory& bases,
                                           const materializer::Registry& views, Error error);

/// Brings views to the newest base that can be used, for a replay up to `last`; 0: none. A view that a base lacks
/// begins at it only where history cannot be replayed from its first record. What spoke against a base goes to `notes`.
[[nodiscard]] Result<SeqNo> restore_newest_base(materializer::CheckpointDirectory& bases, const wal::Log& log,
                                                SeqNo last, const materializer::Registry& views,
                                                std::span<const materializer::StoreFile> stores,
                                                std::vector<std::string>& notes);

/// Brings views to the base that the log stands on, for a replay up to `last`; 0 when there is none that can be used
/// and the log is whole from its first record. Corruption; FailedPrecondition as check_base_is_readable().
[[nodiscard]] Result<SeqNo> restore_base(materializer::CheckpointDirectory& bases, const wal::Log& log, SeqNo last,
                                         const materializer::Registry& views,
                                         std::span<const materializer::StoreFile> stores);

/// Makes the checkpoint at `seqno`, with the stores that are at the same seqno, a base: its files are copied, the
/// stores are dumped beside them. A store that may be lost and is not at that seqno is left out, and its view with it.
/// Nobody may have the directory open. Corruption, IoError, ResourceExhausted.
[[nodiscard]] Status promote_checkpoint(base::FileSystem& fs, const std::string& database, SeqNo seqno);

}  // namespace tidal::db
