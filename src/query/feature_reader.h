// Reads feature columns and condition sets from the views, for a query whose moment and user are fixed.
//
// F1: an entity whose content must be read costs one read however many fields are wanted of it at once.
// Threads: one query's own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "index/bitmap.h"
#include "query/bound.h"
#include "query/personal_features.h"
#include "query/read_views.h"
#include "tidal/result.h"

namespace tidal::query {

/// How many entities one query may read to answer conditions or orders on fields without an index, and how many
/// histories. A read costs microseconds, so this bounds such a query to about a second.
inline constexpr std::uint64_t kStoredReadsMax = 100'000;

class Sources;

class FeatureReader {
 public:
  /// `views` outlives this. `user`: nothing without FOR USER, None for a user that nothing is known of.
  FeatureReader(const ReadViews& views, Timestamp now, std::optional<Ordinal> user);
  ~FeatureReader();
  FeatureReader(const FeatureReader&) = delete;
  FeatureReader& operator=(const FeatureReader&) = delete;

  [[nodiscard]] Timestamp now() const { return now_; }
  [[nodiscard]] bool has_user() const { return user_.has_value(); }
  [[nodiscard]] Ordinal user() const { return user_.value_or(Ordinal::None); }
  [[nodiscard]] const ReadViews& views() const { return views_; }
  /// What source_score reads; outlives the reads. Until then, and for null, it is 0.
  void set_sources(const Sources* sources) { sources_ = sources; }

  /// out[i] = the feature of candidates[i]. FailedPrecondition (too many reads), IoError, Corruption.
  [[nodiscard]] Status read(const FeatureRef& feature, std::span<const Ordinal> candidates, std::span<double> out);
  /// out[i] = 1 where the stored field passes. The errors of read().
  [[nodiscard]] Status test(const StoredTest& test, std::span<const Ordinal> candidates, std::span<double> out);
  /// out[i] = 1 where the candidate (or its creator) is in the set.
  void contains(const SetRef& ref, const index::Bitmap& set, std::span<const Ordinal> candidates,
                std::span<double> out) const;
  /// A field's value, the default where it is not set; null when there is neither. The errors of read().
  [[nodiscard]] Result<Value> stored(EntityKind kind, std::string_view field, Ordinal entity);

  /// The asking user's decayed interest in one value of an item field; 0 of an unknown user.
  [[nodiscard]] double interest_in(std::string_view field, std::string_view value) const;

  /// Entities (of ref.entity) for which the condition holds.
  [[nodiscard]] index::Bitmap resolve(const SetRef& ref) const;
  /// resolve(ref).cardinality() at most, where the index knows it without building the set.
  [[nodiscard]] std::optional<std::uint64_t> estimate(const SetRef& ref) const;

 private:
  void read_signal(const FeatureRef& feature, std::span<const Ordinal> entities, std::span<double> out) const;
  [[nodiscard]] Status read_entities(const FeatureRef& feature, std::span<const Ordinal> entities,
                                     std::span<double> out);
  [[nodiscard]] Status read_years(const FeatureRef& feature, std::span<const Ordinal> entities, std::span<double> out);
  [[nodiscard]] Status read_stored(const FeatureRef& feature, std::span<const Ordinal> entities, std::span<double> out);

  [[nodiscard]] index::Bitmap related(const SetRef& ref) const;

  struct ContentCache;
  const ReadViews& views_;
  const Timestamp now_;
  const std::optional<Ordinal> user_;
  std::unique_ptr<ContentCache> contents_;
  PersonalFeatures personal_;
  const Sources* sources_ = nullptr;
  std::uint64_t histories_read_ = 0;
};

}  // namespace tidal::query
