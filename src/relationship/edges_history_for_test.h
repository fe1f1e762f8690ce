// Random histories of edges, and a plain model that folds each cell from the whole list of events anew.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "materializer/view_conformance.h"
#include "relationship/edges.h"
#include "relationship/edges_mat.h"
#include "schema/current_schema.h"

namespace tidal::relationship {

inline constexpr std::uint32_t kOrdinals = 5;  // of each kind

class FixedSchema final : public schema::CurrentSchema {
 public:
  [[nodiscard]] const schema::Schema& current() const override { return schema; }
  schema::Schema schema;
};

/// Every kind at each end, every way to exclude.
inline const std::vector<RelationDef>& relation_pool() {
  using K = EntityKind;
  using E = RelationDef::Excludes;
  static const std::vector<RelationDef> pool = {
      {"follows", K::User, K::Creator, E::Nothing, days(30)}, {"blocks", K::User, K::Creator, E::Always, {}},
      {"mutes_item", K::User, K::Item, E::Feeds, {}},         {"friend_of", K::User, K::User, E::Nothing, {}},
      {"blocks_user", K::User, K::User, E::Always, {}},       {"mutes_user", K::User, K::User, E::Feeds, {}},
      {"part_of", K::Item, K::Item, E::Nothing, {}},          {"rivals", K::Creator, K::Creator, E::Always, {}},
      {"employs", K::Creator, K::User, E::Feeds, {}},
  };
  return pool;
}

struct EdgeStory {
  struct Happened {
    wal::RecordType type;
    EdgeEvent edge;               // of Relate and Unrelate
    EntityKind kind = {};         // of DeleteEntity
    Ordinal who = Ordinal::None;  // of DeleteEntity and Erase
  };
  struct Cell {
    bool stands;
    Timestamp at;
    double weight;
    bool operator==(const Cell&) const = default;
  };
  materializer::History history;
  std::vector<Happened> happened;

  void edge(const EdgeEvent& e) {
    auto& event = history.add(e.stands ? wal::RecordType::Relate : wal::RecordType::Unrelate, e.at);
    event.record.subject_kind = relation_pool()[e.relation].to;
    event.ids.subject = e.to;
    event.ids.from = e.from;
    event.ids.relation = e.relation;
    event.ids.weight = e.weight;
    happened.push_back({event.record.type, e});
  }
  void remove(EntityKind kind, Ordinal who) {
    auto& event = history.add(wal::RecordType::DeleteEntity, Timestamp{});
    event.record.subject_kind = kind;
    event.ids.subject = who;
    happened.push_back({wal::RecordType::DeleteEntity, {}, kind, who});
  }
  void erase(Ordinal user) {
    auto& event = history.add(wal::RecordType::Erase, Timestamp{});
    event.record.subject_kind = EntityKind::User;
    event.ids.subject = user;
    happened.push_back({wal::RecordType::Erase, {}, EntityKind::User, user});
  }

  /// Whether the event makes the cell as if it had never been.
  [[nodiscard]] static bool wipes(const Happened& h, std::uint16_t relation, Ordinal from, Ordinal to) {
    const RelationDef& def = relation_pool()[relation];
    const bool begins = def.from == h.kind && from == h.who;
    const bool ends = def.to == h.kind && to == h.who;
    if (h.type == wal::RecordType::Erase) return begins || ends;
    if (h.type != wal::RecordType::DeleteEntity || (!begins && !ends)) return false;
    if (def.from != EntityKind::User || def.excludes == RelationDef::Excludes::Nothing) return true;
    return begins && def.excludes == RelationDef::Excludes::Feeds;
  }
  [[nodiscard]] std::optional<Cell> cell(std::uint16_t relation, Ordinal from, Ordinal to) const {
    std::size_t first = 0;
    for (std::size_t i = 0; i < happened.size(); ++i) {
      if (wipes(happened[i], relation, from, to)) first = i + 1;
    }
    const EdgeEvent* best = nullptr;
    for (std::size_t i = first; i < happened.size(); ++i) {
      const EdgeEvent& e = happened[i].edge;
      const bool is_edge = happened[i].type == wal::RecordType::Relate || happened[i].type == wal::RecordType::Unrelate;
      if (!is_edge || e.relation != relation || e.from != from || e.to != to) continue;
      if (best == nullptr || e.at >= best->at) best = &e;  // of equal times the last in the list
    }
    if (best == nullptr) return std::nullopt;
    return Cell{best->stands, best->at, best->stands ? best->weight : 0.0};
  }
};

inline EdgeStory random_edge_story(std::uint64_t seed, int steps) {
  base::Random random(seed);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random.below(n)); };
  const std::uint32_t relations = 1 + below(static_cast<std::uint32_t>(relation_pool().size()));
  const std::uint32_t ordinals = 1 + below(kOrdinals);  // few, so that most events meet a known cell
  EdgeStory story;
  for (int i = 0; i < steps; ++i) {
    const std::uint32_t what = below(100);
    if (what < 5) {
      story.remove(static_cast<EntityKind>(below(3)), to_ordinal(below(ordinals)));
    } else if (what < 7) {
      story.erase(to_ordinal(below(ordinals)));
    } else {
      // Few distinct times, so that ties and late events are common; now and then a leap of centuries.
      const std::int64_t leap = below(20) == 0 ? days(100'000).us : 0;
      story.edge({.relation = static_cast<std::uint16_t>(below(relations)),
                  .from = to_ordinal(below(ordinals)),
                  .to = to_ordinal(below(ordinals)),
                  .at = Timestamp{static_cast<std::int64_t>(below(8)) - 3 + leap},
                  .stands = what < 65,
                  .weight = below(3) == 0 ? below(5) * 0.5 : 1.0});
    }
  }
  return story;
}

class EdgeWorld final : public materializer::ViewWorld {
 public:
  EdgeWorld() { schema_.schema.relations = relation_pool(); }
  materializer::Materializer& view() override { return mat_; }
  void apply_before(const wal::WalEvent&) override {}
  EdgeState state;

 private:
  FixedSchema schema_;
  materializer::NumberedKeys keys_{kOrdinals};
  EdgeMaterializer mat_{state, {schema_, keys_}};
};

}  // namespace tidal::relationship
