// Checks of names, embeddings, relations and settings.
#include <cmath>

#include "schema/findings.h"

namespace tidal::schema {
namespace {

constexpr std::uint32_t kDimensionsMax = 4'096;
constexpr std::int64_t kInterestVectorsMax = 8;
// A hundred years: added to any time that an event may have, it stays far from where 64 bits end.
constexpr Duration kSettingSpanMax = days(36'500);

}  // namespace

bool check_name(Findings& found, const std::string& name) {
  if (!is_identifier(name)) {
    found.add({.aspect = Aspect::Name,
               .message = "the name is not an identifier",
               .hint = "a name starts with a letter or _, goes on with letters, digits and _, and has at most 64"});
    return false;
  }
  if (is_reserved(name)) {
    found.add({.aspect = Aspect::Name,
               .message = quoted(name) + " is a reserved word",
               .hint = "choose another name, such as '" + name + "_'"});
    return false;
  }
  return true;
}

void check_embedding(Findings& found, const EmbeddingDef& embedding) {
  static_cast<void>(check_name(found, embedding.name));
  if (embedding.size == 0 || embedding.size > kDimensionsMax) {
    found.add({.aspect = Aspect::Size,
               .message = "SIZE must be 1 to 4096 dimensions, got " + std::to_string(embedding.size),
               .hint = "SIZE is the length of the vectors, such as SIZE 384"});
  }
  if (embedding.preference && embedding.kind != EntityKind::Item) {
    found.add({.aspect = Aspect::Preference, .message = "only a slot of items can be PREFERENCE"});
  }
  if (embedding.preference && embedding.metric != VectorMetric::Cosine) {
    found.add({.aspect = Aspect::Preference,
               .message = "PREFERENCE needs METRIC cosine, got " + std::string(metric_name(embedding.metric)),
               .hint = "what a user likes is a direction; leave METRIC out"});
  }
}

void check_relation(Findings& found, const RelationDef& relation, const SignalDef& signal) {
  const bool of_user = relation.from == EntityKind::User;
  if (relation.excludes != RelationDef::Excludes::Nothing && !of_user) {
    found.add({.aspect = Aspect::Excludes, .message = "EXCLUDES needs a relation FROM user"});
  }
  if (relation.half_life.us < 0 || !is_whole_milliseconds(relation.half_life)) {
    found.add({.aspect = Aspect::HalfLife, .message = "HALF LIFE must be above 0, in whole milliseconds"});
  }
  if (signal.has_value) {
    found.add({.aspect = Aspect::Value, .message = "an edge has a WEIGHT and no VALUE"});
  }
  if (!signal.effects.empty() && (!of_user || relation.to == EntityKind::User)) {
    found.add({.aspect = Aspect::Effects,
               .message = "EFFECTS are between a user and an item or creator",
               .hint = "leave them out, or let the relation go FROM user TO item or creator"});
  }
  const SignalDef plain;
  const bool counted = !signal.windows.empty() || signal.decay.kind != Decay::Kind::None || signal.velocity ||
                       signal.unique || signal.scopes != plain.scopes || signal.roles != 0;
  if (relation.to == EntityKind::User && counted) {
    found.add({.aspect = Aspect::Windows,
               .message = "edges to users are not counted: no ROLE, DECAY, WINDOWS, VELOCITY, UNIQUE or SCOPE"});
  }
}

void check_settings(Findings& found, const Settings& settings) {
  const auto check_span = [&](Duration d, Aspect aspect, const char* name) {
    if (d.us < 0 || d > kSettingSpanMax || !is_whole_milliseconds(d)) {
      found.add({.aspect = aspect,
                 .message = std::string(name) + " must be from 0 to " + to_string(kSettingSpanMax) +
                            ", in whole milliseconds"});
    }
  };
  check_span(settings.future_tolerance, Aspect::FutureTolerance, "future_tolerance");
  check_span(settings.past_query_tolerance, Aspect::PastQueryTolerance, "past_query_tolerance");
  check_span(settings.seen_expires, Aspect::SeenExpires, "seen_expires");
  check_span(settings.log_retention, Aspect::LogRetention, "log_retention");
  if (settings.log_bytes < 0) found.add({.aspect = Aspect::LogBytes, .message = "log_bytes must not be negative"});
  if (settings.interest_vectors < 0 || settings.interest_vectors > kInterestVectorsMax) {
    found.add({.aspect = Aspect::InterestVectors, .message = "interest_vectors must be from 0 to 8"});
  }
  check_span(settings.relationship_half_life, Aspect::RelationshipHalfLife, "relationship_half_life");
  if (settings.relationship_half_life.us == 0) {
    found.add({.aspect = Aspect::RelationshipHalfLife,
               .message = "relationship_half_life must be above 0",
               .hint = "the default is 30d"});
  }
  if (!(settings.hot_gravity > 0) || !std::isfinite(settings.hot_gravity)) {
    found.add({.aspect = Aspect::HotGravity, .message = "hot_gravity must be above 0", .hint = "the default is 1.8"});
  }
}

}  // namespace tidal::schema
