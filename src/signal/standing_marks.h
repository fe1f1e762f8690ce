// What one event and one undo do to a user's marks other than seen, and the progress that follows from them.
//
// Functions on one user's mark table; invariants U1, U2 and U5 of user_state.h. `generation` as in MarkTable::set().
// Threads: the applier's.
#pragma once

#include <cstdint>
#include <vector>

#include "signal/mark_table.h"
#include "signal/user_state.h"

namespace tidal::signal {

/// Whether an undo later than the event is known (U5): the event then sets no mark but seen.
[[nodiscard]] bool is_undone(const MarkTable& table, const MarkEvent& event);
/// `marks`: one bit each, without seen. Events come in seqno order, so this one wins every tie.
void set_marks(MarkTable& table, unsigned marks, const MarkEvent& event, std::uint32_t generation);
/// Notes the undo and removes what it takes back.
void take_back(MarkTable& table, const MarkEvent& undo, std::uint32_t generation);

/// Entries as logic 1 kept them, sorted, with what this logic keeps besides; false where they contradict each other.
[[nodiscard]] bool add_what_logic_1_lacks(std::vector<MarkEntry>& entries);

}  // namespace tidal::signal
