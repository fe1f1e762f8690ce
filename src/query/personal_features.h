// What is known between the asking user and the candidates: preference, interests, weights, co-engagement.
//
// F1: what belongs to the user alone is read once, when it is first wanted, so that one query sees one of it.
// Of a user that nothing is known of every feature is 0. Threads: one query's own.   Source: docs/feedback.md.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "query/bound.h"
#include "query/read_views.h"
#include "tidal/types.h"

namespace tidal::query {

class PersonalFeatures {
 public:
  /// `views` outlives this.
  PersonalFeatures(const ReadViews& views, Timestamp now, Ordinal user) : views_(views), now_(now), user_(user) {}

  /// feature.kind is one of the personal ones; out[i] is of entities[i], which are of feature.entity.
  void read(const FeatureRef& feature, std::span<const Ordinal> entities, std::span<double> out);

 private:
  void match_preference(std::span<const Ordinal> items, std::span<double> out);

  const ReadViews& views_;
  const Timestamp now_;
  const Ordinal user_;
  /// Interest vectors one behind the other, or the preference when there are none.
  std::optional<std::vector<float>> vectors_;
  std::vector<double> column_;
};

}  // namespace tidal::query
