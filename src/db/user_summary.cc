// Reading one user out of every view that knows something.
#include "db/user_summary.h"

#include <algorithm>
#include <functional>

namespace tidal::db {
namespace {

constexpr std::size_t kTop = 10;

}  // namespace

UserSummary user_summary(const Views& views, Ordinal user, Timestamp now) {
  UserSummary out;
  const signal::Preferences& preferences = views.preferences();
  std::vector<float> vector(preferences.size());
  if (!vector.empty() && preferences.vector(user, vector)) out.preference_size = preferences.size();
  out.preference_signals = preferences.positives(user);
  const signal::Preferences::Interests interests = preferences.interests(user, now);
  out.interest_vectors.assign(interests.weights.begin(),
                              interests.weights.begin() + static_cast<std::ptrdiff_t>(interests.count));
  std::ranges::sort(out.interest_vectors, std::greater());
  for (const signal::Interest& each : views.interests().top(user, kTop, now)) {
    out.interests.push_back({views.schema().fields[each.field].name, each.value, each.weight});
  }
  for (const relationship::Weight& each : views.weights().top(user, relationship::WeightKind::Interaction, kTop, now)) {
    out.creators.push_back({std::string(views.entities().key_of(EntityKind::Creator, each.other)), each.weight});
  }
  for (std::size_t m = 0; m < kMarks; ++m) {
    const auto mark = static_cast<Mark>(m);
    const std::uint64_t items = views.user_state().marked(user, mark).cardinality();
    if (items > 0) out.marks.emplace_back(mark_name(mark), items);
  }
  const std::vector<RelationDef>& relations = views.schema().relations;
  for (std::size_t r = 0; r < relations.size(); ++r) {
    if (relations[r].from != EntityKind::User) continue;
    const std::uint64_t edges = views.relations().outgoing_count(static_cast<std::uint16_t>(r), user);
    if (edges > 0) out.relations.emplace_back(relations[r].name, edges);
  }
  return out;
}

}  // namespace tidal::db
