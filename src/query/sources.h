// Where candidates come from besides a scan: the sources of FROM and SIMILAR TO.
//
// What a source finds meets the filters first and is cut to its limit only then, so that what a user has seen takes no
// places. A source that can give its best first begins with some of them, and reaches further while too few survive.
// S1: what is left of a source are its best `limit` among the survivors of all it could find.
// Threads: one query's own.   Source: docs/relationships.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "index/bitmap.h"
#include "query/ast.h"
#include "query/bind_scope.h"
#include "query/deadline.h"
#include "query/feature_reader.h"
#include "tidal/reply.h"
#include "tidal/result.h"

namespace tidal::query {

inline constexpr std::size_t kSourceLimitDefault = 500;
inline constexpr std::size_t kSourceLimitMax = 10'000;
inline constexpr std::size_t kSourcesMax = 16;
inline constexpr std::size_t kAnchorsMax = 100;       ///< each costs a scan of the embeddings
inline constexpr std::size_t kEdgesDefault = 10'000;  ///< that a walk follows
inline constexpr std::size_t kEdgesMax = 1'000'000;

/// Nothing is created after it.
inline constexpr Timestamp kEndOfTime{std::numeric_limits<std::int64_t>::max()};

struct BoundSource {
  enum class Kind : std::uint8_t { Scan, Following, Fellows, FriendsLiked, CoEngaged, Related };
  Kind kind = Kind::Scan;
  std::string name;
  std::size_t limit = kSourceLimitDefault;
  std::size_t edges = kEdgesDefault;
  double min_weight = 0;
  std::uint16_t relation = 0;      ///< of a walk
  std::vector<Ordinal> anchors{};  ///< of Related
};

/// FROM's sources. `anchors`: of SIMILAR TO. InvalidArgument, FailedPrecondition (not available yet).
[[nodiscard]] Result<std::vector<BoundSource>> bind_sources(const BindScope& scope, const std::vector<Call>& calls,
                                                            const std::vector<Ordinal>& anchors);
/// The items of SIMILAR TO. NotFound names one that is not there.
[[nodiscard]] Result<std::vector<Ordinal>> bind_anchors(const BindScope& scope, const std::vector<Key>& keys);

class Sources {
 public:
  /// Reaches for the best now, or as much as the deadline leaves time for. What is created after `not_after` will not
  /// survive. All outlive this.
  Sources(const std::vector<BoundSource>& sources, FeatureReader& reader, const Deadline& deadline,
          Timestamp not_after);

  /// Everything any of them found so far.
  [[nodiscard]] index::Bitmap reached() const;
  /// Reaches further where fewer than the limit survived. False: there is nothing more to be had, or no time.
  bool reach_on(const index::Bitmap& survivors);
  /// S1, and what each found is noted; `survivors` are among reached().
  [[nodiscard]] index::Bitmap cut(const index::Bitmap& survivors);
  /// out[i] = the largest score that a source found it with; 0 where none did or it gives none.
  void scores(std::span<const Ordinal> candidates, std::span<double> out) const;
  /// The names of those whose best hold it, in the order they were given.
  [[nodiscard]] std::vector<std::string> names_of(Ordinal candidate) const;
  /// What was not followed to its end.
  [[nodiscard]] std::vector<Warning> warnings() const;

 private:
  struct Found {
    const BoundSource* source;
    index::Bitmap items;                 // that it has given
    std::optional<index::Bitmap> known;  // of which it gives the newest; none while the walk itself gives them
    std::vector<std::pair<Ordinal, double>> scores;  // by ordinal; empty: newest first
    std::size_t wanted = 0;                          // how many of the best; kEverything
    bool complete = true;                            // nothing is left to be found
    bool capped = false;
  };
  void reach(Found& found);
  void find_related(const BoundSource& source, Found& found);
  [[nodiscard]] index::Bitmap best(const Found& found, const index::Bitmap& survivors) const;
  [[nodiscard]] index::Bitmap newest(const index::Bitmap& items, std::size_t count) const;

  FeatureReader& reader_;
  const Deadline& deadline_;
  const Timestamp not_after_;
  std::vector<Found> found_;
};

}  // namespace tidal::query
