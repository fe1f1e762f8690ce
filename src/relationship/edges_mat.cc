// Records to edges.
#include "relationship/edges_mat.h"

#include <utility>

#include "base/coding.h"

namespace tidal::relationship {

using wal::RecordType;

namespace {

bool is_about_an_edge(const wal::WalEvent& event) {
  return event.record.type == RecordType::Relate || event.record.type == RecordType::Unrelate;
}

EdgeEvent edge_event(const wal::WalEvent& event) {
  return {.relation = event.ids.relation,
          .from = event.ids.from,
          .to = event.ids.subject,
          .at = event.record.event_time,
          .stands = event.record.type == RecordType::Relate,
          .weight = event.ids.weight};
}

}  // namespace

void EdgeMaterializer::on_event(const wal::WalEvent& event) noexcept {
  const auto& relations = inputs_.catalog.current().relations;
  if (event.record.type == RecordType::DeleteEntity) {
    state_.delete_entity(event.record.subject_kind, event.ids.subject, relations);
    return;
  }
  if (!is_about_an_edge(event)) return;
  const EdgeEvent edge = edge_event(event);
  const bool has_ends = edge.from != Ordinal::None && edge.to != Ordinal::None;
  if (has_ends && edge.relation < relations.size()) state_.record(edge, relations);
}

void EdgeMaterializer::prefetch(std::span<const wal::WalEvent> events) const noexcept {
  for (const EdgeState::PrefetchStage stage : {EdgeState::PrefetchStage::Ends, EdgeState::PrefetchStage::Cells}) {
    for (const wal::WalEvent& event : events) {
      if (is_about_an_edge(event)) state_.prefetch(edge_event(event), stage);
    }
  }
}

std::unique_ptr<materializer::CheckpointImage> EdgeMaterializer::checkpoint() {
  return materializer::image_of(state_.capture());
}

Status EdgeMaterializer::on_restore(std::string_view image) {
  return state_.restore(
      image, {.is_known = [this](EntityKind kind, Ordinal o) { return !inputs_.keys.key_of(kind, o).empty(); },
              .relations = inputs_.catalog.current().relations});
}

void EdgeMaterializer::digest(materializer::DigestSink& sink) const {
  const auto& relations = inputs_.catalog.current().relations;
  state_.for_each_fact([&](const EdgeFact& fact) {
    if (fact.relation >= relations.size()) return;  // of no schema that this state came from
    const RelationDef& def = relations[fact.relation];
    base::Encoder key;
    key.string(def.name);
    key.string(inputs_.keys.key_of(def.from, fact.from));
    key.string(inputs_.keys.key_of(def.to, fact.to));
    base::Encoder value;
    value.u8(fact.stands ? 1 : 0);
    value.i64(fact.at.us);
    value.f64(fact.weight);
    sink.add(key.str(), value.str());
  });
}

}  // namespace tidal::relationship
