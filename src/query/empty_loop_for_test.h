// The views of the closed loop with nothing in them, for tests and benchmarks of what is not about them.
#pragma once

#include <memory>

#include "base/file_system.h"
#include "query/read_views.h"
#include "storage/kv.h"

namespace tidal::query {

struct EmptyLoop {
  entity::EmbeddingStore embeddings;
  signal::Preferences preferences;
  signal::Interests interests;
  signal::Uniques uniques;
  std::unique_ptr<storage::KeyValueStore> store =
      storage::open_store(storage::Backend::Memory, base::posix_file_system(), "").value();
  signal::Rollups rollups{*store};
  relationship::EdgeState relations;
  relationship::WeightState weights;
  relationship::CoEngagement co_engagement;
  relationship::CreatorItems creator_items;
  index::Hidden hidden;

  [[nodiscard]] ReadViews added_to(ReadViews views) const {
    views.embeddings = &embeddings;
    views.preferences = &preferences;
    views.interests = &interests;
    views.uniques = &uniques;
    views.rollups = &rollups;
    views.relations = &relations;
    views.weights = &weights;
    views.co_engagement = &co_engagement;
    views.creator_items = &creator_items;
    views.hidden = &hidden;
    return views;
  }
};

}  // namespace tidal::query
