// The sets of what is not shown, and the test of one candidate.
#include "query/negatives.h"

#include <algorithm>

namespace tidal::query {

Negatives::Negatives(const ReadViews& views, EntityKind kind, Ordinal user, const Bound* filter)
    : views_(views), kind_(kind), user_(user), shows_own_hidden_(filter != nullptr && filter->wants_hidden) {
  if (user == Ordinal::None) return;
  const std::vector<RelationDef>& relations = views.schema->relations;
  for (std::size_t i = 0; i < relations.size(); ++i) {
    const RelationDef& def = relations[i];
    if (def.from != EntityKind::User || def.excludes == RelationDef::Excludes::Nothing) continue;
    const bool concerns = def.to == kind || (kind == EntityKind::Item && def.to == EntityKind::Creator);
    const bool asked = def.excludes == RelationDef::Excludes::Feeds && filter != nullptr &&
                       std::ranges::find(filter->wants_relations, i) != filter->wants_relations.end();
    if (!concerns || asked) continue;
    exclusions_.push_back({static_cast<std::uint16_t>(i), def.to, "the relation " + def.name});
  }
}

std::vector<Negatives::Part> Negatives::parts() const {
  std::vector<Part> parts;
  index::Bitmap hidden = views_.hidden->hidden(kind_);
  if (kind_ == EntityKind::Item) {
    hidden |= views_.creator_items->items(views_.hidden->hidden(EntityKind::Creator).to_vector());
  }
  parts.push_back({"HIDE", std::move(hidden)});
  if (user_ == Ordinal::None) return parts;
  if (kind_ == EntityKind::Item && !shows_own_hidden_) {
    parts.push_back({"what the user has hidden", views_.user_state->marked(user_, Mark::Hidden)});
  }
  for (const Exclusion& each : exclusions_) {
    index::Bitmap targets = views_.relations->targets(each.relation, user_);
    if (each.to == kind_) {
      parts.push_back({each.by, std::move(targets)});
    } else {
      parts.push_back({each.by, views_.creator_items->items(targets.to_vector())});
    }
  }
  return parts;
}

bool Negatives::exclude(Ordinal entity) const {
  const Ordinal creator = kind_ == EntityKind::Item ? views_.entities->creator_of(entity) : Ordinal::None;
  if (views_.hidden->is_hidden(kind_, entity)) return true;
  if (creator != Ordinal::None && views_.hidden->is_hidden(EntityKind::Creator, creator)) return true;
  if (user_ == Ordinal::None) return false;
  if (kind_ == EntityKind::Item && !shows_own_hidden_ && views_.user_state->has_mark(user_, Mark::Hidden, entity)) {
    return true;
  }
  return std::ranges::any_of(exclusions_, [&](const Exclusion& each) {
    const Ordinal target = each.to == kind_ ? entity : creator;
    return target != Ordinal::None && views_.relations->stands(each.relation, user_, target);
  });
}

}  // namespace tidal::query
