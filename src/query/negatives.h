// What an answer never holds, whatever it asks for: what is hidden from everybody, what the asking user hid, and what
// stands behind an edge of theirs that excludes.
//
// N1: what must not be shown is taken from the candidates, and asked for once more when the page is put together: a
//     write that was acknowledged before a query ends may still be missed by its beginning, never by its end.
// Threads: one query's own.   Source: docs/relationships.md.
#pragma once

#include <string>
#include <vector>

#include "index/bitmap.h"
#include "query/bound.h"
#include "query/read_views.h"

namespace tidal::query {

class Negatives {
 public:
  /// `views` outlives this. `user`: None when nobody asks, or nothing is known of who does. `filter`: null for none; it
  /// may ask for what the user hid, and for what an edge keeps from feeds only.
  Negatives(const ReadViews& views, EntityKind kind, Ordinal user, const Bound* filter);

  struct Part {
    std::string by;  ///< "what the user has hidden"
    index::Bitmap entities;
  };
  /// As of now, in no overlap: each without what stands in an earlier one need not hold.
  [[nodiscard]] std::vector<Part> parts() const;
  /// As of now.
  [[nodiscard]] bool exclude(Ordinal entity) const;

 private:
  struct Exclusion {
    std::uint16_t relation = 0;
    EntityKind to = EntityKind::Creator;
    std::string by;
  };

  const ReadViews& views_;
  const EntityKind kind_;
  const Ordinal user_;
  bool shows_own_hidden_ = false;
  std::vector<Exclusion> exclusions_;  // those that can concern this kind
};

}  // namespace tidal::query
