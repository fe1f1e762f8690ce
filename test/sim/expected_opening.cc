// The rule, and reading what it needs.
#include "test/sim/expected_opening.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "db/base_state.h"
#include "db/stores.h"
#include "materializer/checkpoint.h"
#include "wal/log.h"

namespace tidal::sim {
namespace {

Result<std::vector<StateFiles>> list_states(const materializer::CheckpointDirectory& directory) {
  std::vector<StateFiles> states;
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, directory.list());
  for (const SeqNo seqno : seqnos) states.push_back({seqno.value, directory.verify(seqno).empty()});
  return states;
}

Result<std::uint64_t> last_anonymous(const wal::Log& log) {
  std::uint64_t last = 0;
  TIDAL_TRY(log.replay(log.history_first_seqno(), [&last](std::span<wal::WalEvent> events) -> Status {
    for (const wal::WalEvent& event : events) {
      const bool is_edited = (event.record.flags & wal::kFlagErased) != 0;
      if (is_edited && event.record.type != wal::RecordType::Erase) last = event.seqno.value;
    }
    return {};
  }));
  return last;
}

/// Whatever the records behind it are.
ExpectedOpening chosen_opening(const DirectoryState& state) {
  const auto is_joined = [&](const StateFiles& files) {
    return files.is_sound && files.seqno + 1 >= state.history_first && files.seqno <= state.last;
  };
  // A store ahead of the log is thrown away.
  std::uint64_t store = state.last;
  for (const std::uint64_t seqno : state.stores) store = std::min(store, seqno > state.last ? 0 : seqno);
  const bool has_base = state.base && is_joined(*state.base);
  const auto is_usable = [&](const StateFiles& files) { return is_joined(files) && store >= files.seqno; };
  for (const StateFiles& checkpoint : state.checkpoints) {
    if (is_usable(checkpoint) && checkpoint.seqno >= state.newest_base) return {.checkpoint = checkpoint.seqno};
  }
  if (has_base) return {.base = state.base->seqno};
  for (const StateFiles& checkpoint : state.checkpoints) {
    if (is_usable(checkpoint)) return {.checkpoint = checkpoint.seqno};
  }
  return {.is_refused = state.history_first > 1};
}

}  // namespace

ExpectedOpening expected_opening(const DirectoryState& state) {
  ExpectedOpening expected = chosen_opening(state);
  if (std::max(expected.checkpoint, expected.base) < state.anonymous_through) expected.is_refused = true;
  return expected;
}

Result<DirectoryState> state_of(base::FileSystem& fs, const std::string& database) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<wal::Log> log,
                   wal::Log::read(fs, database + "/wal", {.archive_dir = database + "/archive"}));
  DirectoryState state{.history_first = log->history_first_seqno().value, .last = log->last_seqno().value};
  for (const db::StorePlace& place : db::kStores) {
    const Result<std::optional<SeqNo>> seqno = db::read_store_seqno(fs, database, place);
    state.stores.push_back(seqno.ok() && *seqno ? (*seqno)->value : 0);
  }
  TIDAL_TRY_ASSIGN(state.anonymous_through, last_anonymous(*log));
  TIDAL_TRY_ASSIGN(state.checkpoints, list_states(materializer::CheckpointDirectory(fs, database + "/checkpoints")));
  TIDAL_TRY_ASSIGN(const SeqNo newest_base, db::base_directory(fs, database).newest());
  state.newest_base = newest_base.value;
  TIDAL_TRY_ASSIGN(const std::vector<StateFiles> bases, list_states(db::base_directory(fs, database)));
  // Of two that are there, the older one was to be removed.
  const auto sound = std::find_if(bases.begin(), bases.end(), [](const StateFiles& base) { return base.is_sound; });
  if (sound != bases.end()) {
    state.base = *sound;
  } else if (!bases.empty()) {
    state.base = bases.front();
  }
  return state;
}

}  // namespace tidal::sim
