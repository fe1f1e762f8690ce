// What a query may look at, and what is fixed while it runs: const views, the moment, the parameters.
//
// Q1: a query writes nothing and includes nothing of the log. Q2: `now`, the schema version and every set of entities
// are fixed for the whole query; counts are read live.
// Threads: values of references; everything referred to outlives the query and is thread-safe to read.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "entity/embedding_store.h"
#include "entity/entity_store.h"
#include "index/field_index.h"
#include "index/hidden.h"
#include "relationship/co_engagement.h"
#include "relationship/creator_items.h"
#include "relationship/edges.h"
#include "relationship/weights.h"
#include "schema/schema.h"
#include "signal/interests.h"
#include "signal/ledger.h"
#include "signal/preference.h"
#include "signal/rollups.h"
#include "signal/uniques.h"
#include "signal/user_state.h"
#include "tidal/query.h"
#include "tidal/types.h"

namespace tidal::query {

/// The materialised views. None is null.
struct ReadViews {
  const schema::Schema* schema = nullptr;
  const entity::EntityStore* entities = nullptr;
  const index::FieldIndex* fields = nullptr;
  const signal::Ledger* items = nullptr;
  const signal::Ledger* creators = nullptr;
  const signal::Ledger* users = nullptr;
  const signal::UserState* user_state = nullptr;
  const entity::EmbeddingStore* embeddings = nullptr;
  const signal::Preferences* preferences = nullptr;
  const signal::Interests* interests = nullptr;
  const signal::Uniques* uniques = nullptr;
  const signal::Rollups* rollups = nullptr;
  const relationship::EdgeState* relations = nullptr;
  const relationship::WeightState* weights = nullptr;
  const relationship::CoEngagement* co_engagement = nullptr;
  const relationship::CreatorItems* creator_items = nullptr;
  const index::Hidden* hidden = nullptr;

  [[nodiscard]] const signal::Ledger& ledger(EntityKind kind) const {
    return kind == EntityKind::Item ? *items : kind == EntityKind::User ? *users : *creators;
  }
};

/// One statement's surroundings.
struct QueryContext {
  Timestamp now;                     ///< of the answer: the database's clock, read once
  Timestamp clock_now;               ///< of the clock that moves: cursors expire by it
  SeqNo seqno;                       ///< last applied when the query began
  std::function<SeqNo()> seqno_now;  ///< and by the time it asks
  std::function<std::int64_t()> monotonic_us;
  const Params* params = nullptr;  ///< null: none bound
  std::string_view cursor_key;     ///< 32 secret bytes
  std::string query_id;
  std::string_view source;      ///< the script that the statement's positions point into, "" none
  std::uint32_t statement = 1;  ///< its number in the script
};

}  // namespace tidal::query
