// Each view's answers beside a fold of the log by the documented rules: plain lists, folded from scratch.
//
// A fold knows nothing of a view's arithmetic or state; what it shares with the database are decoders of records and
// the definitions as values. It asks what queries ask. `now`: what windows and decays are read at.
// Tolerances: sums of doubles 1e-9 relative; what is kept in floats or fixed point, as said at each fold.
#pragma once

#include "db/views.h"
#include "test/fold/differences.h"
#include "test/fold/told.h"

namespace tidal::test::fold {

using Compare = void (*)(const Told& told, const db::Views& views, Timestamp now, Differences& out);

void compare_schema(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_entities(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_embeddings(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_field_index(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_creator_items(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_hidden(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_ledger(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_user_state(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_preference(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_interests(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_uniques(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_rollups(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_relations(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_weights(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_co_engagement(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_import_marks(const Told& told, const db::Views& views, Timestamp now, Differences& out);
void compare_duplicates(const Told& told, const db::Views& views, Timestamp now, Differences& out);

/// All of them. A view that the database has and this list has not is a difference.
void compare_all(const Told& told, const db::Views& views, Timestamp now, Differences& out);

}  // namespace tidal::test::fold
