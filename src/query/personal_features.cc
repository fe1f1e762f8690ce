// Columns of personal features.
#include "query/personal_features.h"

#include <algorithm>

namespace tidal::query {
namespace {

std::vector<float> vectors_of(const signal::Preferences& preferences, Ordinal user, Timestamp now) {
  signal::Preferences::Interests interests = preferences.interests(user, now);
  if (interests.count > 0) return std::move(interests.vectors);
  std::vector<float> whole(preferences.size());
  if (!preferences.vector(user, whole)) whole.clear();
  return whole;
}

}  // namespace

void PersonalFeatures::match_preference(std::span<const Ordinal> items, std::span<double> out) {
  if (!vectors_) vectors_ = vectors_of(*views_.preferences, user_, now_);
  const int slot = views_.schema->preference_slot();
  const std::size_t size = views_.preferences->size();
  if (slot < 0 || vectors_->empty()) return;
  std::fill(out.begin(), out.end(), -1.0);
  column_.resize(items.size());
  for (std::size_t at = 0; at < vectors_->size(); at += size) {
    // -2: below every cosine, for what has no vector.
    views_.embeddings->dots(static_cast<std::size_t>(slot), std::span(*vectors_).subspan(at, size), items, -2, column_);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = column_[i] == -2 ? 0 : std::max(out[i], column_[i]);
  }
}

void PersonalFeatures::read(const FeatureRef& feature, std::span<const Ordinal> entities, std::span<double> out) {
  std::fill(out.begin(), out.end(), 0.0);
  if (user_ == Ordinal::None) return;
  switch (feature.kind) {
    case FeatureRef::Kind::PreferenceMatch: return match_preference(entities, out);
    case FeatureRef::Kind::CreatorAffinity: return views_.weights->interactions(user_, entities, now_, out);
    case FeatureRef::Kind::ItemAffinity: return views_.weights->affinities(user_, entities, now_, out);
    case FeatureRef::Kind::CoEngagement: return views_.co_engagement->scores_for_user(user_, entities, out);
    case FeatureRef::Kind::Interest: {
      const auto field = static_cast<std::size_t>(views_.schema->field_index(EntityKind::Item, feature.field));
      return views_.interests->match({.user = user_, .field = field, .now = now_}, entities, out);
    }
    default: return;
  }
}

}  // namespace tidal::query
