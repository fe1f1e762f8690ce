// Edges in both directions, and the weights that a user's signals give to creators and items.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "relationship/edges.h"
#include "relationship/weights.h"
#include "test/fold/folds.h"

namespace tidal::test::fold {

using wal::RecordType;

namespace {

using CellName = std::tuple<std::size_t, Ordinal, Ordinal>;  // relation, from, to

/// The latest word about an edge.
struct Cell {
  Timestamp at{};
  bool stands = false;
  double weight = 0;
};

/// Whether the deletion of an entity takes the cell: all but what users exclude.
bool is_taken(const RelationDef& def, bool at_its_start, bool at_its_end) {
  using Excludes = RelationDef::Excludes;
  const bool of_user = def.from == EntityKind::User;
  const bool start_stays = of_user && def.excludes == Excludes::Always;
  const bool end_stays = of_user && def.excludes != Excludes::Nothing;
  return (at_its_start && !start_stays) || (at_its_end && !end_stays);
}

class EdgeFold {
 public:
  EdgeFold(const Told& told, Differences& out) : told_(told) {
    for (const Happening& h : told.happenings) take(h, out);
  }
  std::map<CellName, Cell> cells;

 private:
  void take(const Happening& h, Differences& out) {
    if (h.is(RecordType::DeleteEntity)) {
      std::erase_if(cells, [&](const auto& each) {
        const auto& [relation, from, to] = each.first;
        const RelationDef& def = told_.definitions.relations[relation];
        return is_taken(def, def.from == h.kind && from == h.subject, def.to == h.kind && to == h.subject);
      });
    }
    if (h.erases()) {
      std::erase_if(cells, [&](const auto& each) {
        const auto& [relation, from, to] = each.first;
        const RelationDef& def = told_.definitions.relations[relation];
        return (def.from == EntityKind::User && from == h.subject) || (def.to == EntityKind::User && to == h.subject);
      });
    }
    const bool relates = h.is(RecordType::Relate);
    if (!relates && !h.is(RecordType::Unrelate)) return;
    const CellName name{h.relation, h.from, h.subject};
    const auto known = cells.find(name);
    const bool is_heard = known == cells.end() || h.at >= known->second.at;
    const bool stands = known != cells.end() && known->second.stands;
    // A record that is not heard says what makes it do nothing.
    const bool stood = relates ? !is_heard || stands : is_heard && stands;
    out.same(stood, h.stood, [&] { return "record " + std::to_string(h.seqno) + " tells whether it stood"; });
    if (is_heard) cells[name] = {h.at, relates, relates ? h.weight : 0};
  }

  const Told& told_;
};

struct Names {
  const Told& told;
  const RelationDef& def;
  [[nodiscard]] std::string edge(Ordinal from, Ordinal to) const {
    return def.name + " from " + told.name(def.from, from) + " to " + told.name(def.to, to);
  }
};

/// Edges by ordinal of the other end, then by time.
void compare_list(std::vector<relationship::Edge> expected, std::vector<relationship::Edge> by_ordinal,
                  std::vector<relationship::Edge> by_time, const std::string& what, Differences& out) {
  const auto rows = [](const std::vector<relationship::Edge>& edges) {
    std::vector<std::string> lines;
    for (const relationship::Edge& e : edges) {
      lines.push_back(std::to_string(to_index(e.other)) + " at " + std::to_string(e.at.us) + " of weight " +
                      std::to_string(e.weight));
    }
    return lines;
  };
  out.same(rows(expected), rows(by_ordinal), [&] { return what; });
  std::ranges::stable_sort(expected, std::greater<>(), &relationship::Edge::at);
  out.same(rows(expected), rows(by_time), [&] { return what + " by time"; });
}

void compare_relation(const Told& told, const EdgeFold& fold, const relationship::EdgeState& view, std::size_t r,
                      Timestamp now, Differences& out) {
  using relationship::EdgeOrder;
  const auto relation = static_cast<std::uint16_t>(r);
  const RelationDef& def = told.definitions.relations[r];
  const Names names{told, def};
  std::map<Ordinal, std::vector<relationship::Edge>> outgoing;
  std::map<Ordinal, std::vector<relationship::Edge>> incoming;
  for (const auto& [name, cell] : fold.cells) {
    const auto& [of, from, to] = name;
    if (of != r) continue;
    const auto what = [&, f = from, t = to] { return names.edge(f, t); };
    const auto told_cell = view.cell(relation, from, to);
    out.same(true, told_cell.has_value(), what);
    if (told_cell) {
      out.same(cell.stands, told_cell->stands, what);
      out.same(cell.at, told_cell->at, what);
    }
    const auto edge = view.edge(relation, from, to);
    out.same(cell.stands, edge.has_value(), what);
    if (!cell.stands || !edge) continue;
    const relationship::Edge expected{.other = to, .weight = cell.weight, .at = cell.at};
    out.same(true, expected == *edge, what);
    const auto age = static_cast<double>(std::max<std::int64_t>(0, (now - cell.at).us));
    const double left = def.half_life.us == 0 ? 1 : std::exp2(-age / static_cast<double>(def.half_life.us));
    out.relative(cell.weight * left, relationship::decayed_weight(def, *edge, now), what);
    outgoing[from].push_back(expected);
    incoming[to].push_back({.other = from, .weight = cell.weight, .at = cell.at});
  }
  const auto others = [](const std::vector<relationship::Edge>& edges) {
    std::vector<Ordinal> all;
    for (const relationship::Edge& e : edges) all.push_back(e.other);
    return all;
  };
  const std::vector<Ordinal> tos = told.all(def.to);
  for (const Ordinal from : told.all(def.from)) {
    const std::string what = def.name + " from " + told.name(def.from, from);
    const std::vector<relationship::Edge>& expected = outgoing[from];
    compare_list(expected, view.outgoing(relation, from), view.outgoing(relation, from, EdgeOrder::ByTime), what, out);
    out.same(others(expected), view.targets(relation, from).to_vector(), [&] { return what; });
    out.same(std::uint64_t{expected.size()}, view.outgoing_count(relation, from), [&] { return what; });
    std::vector<double> standing(tos.size());
    for (const relationship::Edge& e : expected) standing[to_index(e.other)] = 1;
    std::vector<double> got(tos.size());
    view.standing(relation, from, tos, got);
    out.same(standing, got, [&] { return what + ", all ends"; });
  }
  for (const Ordinal to : tos) {
    const std::string what = def.name + " to " + told.name(def.to, to);
    std::vector<relationship::Edge> expected = incoming[to];
    std::ranges::sort(expected, {}, &relationship::Edge::other);
    compare_list(expected, view.incoming(relation, to), view.incoming(relation, to, EdgeOrder::ByTime), what, out);
    std::vector<Ordinal> sources;
    view.for_each_source(relation, to, [&](Ordinal from) {
      sources.push_back(from);
      return true;
    });
    out.same(others(expected), sources, [&] { return what; });
    out.same(std::uint64_t{expected.size()}, view.incoming_count(relation, to), [&] { return what; });
  }
}

}  // namespace

void compare_relations(const Told& told, const db::Views& views, Timestamp now, Differences& out) {
  const EdgeFold fold(told, out);
  std::map<CellName, bool> cells;
  views.relations().for_each_fact([&](const relationship::EdgeFact& fact) {
    cells[{fact.relation, fact.from, fact.to}] = fact.stands;
  });
  out.same(fold.cells.size(), cells.size(), [] { return "cells"; });
  for (std::size_t r = 0; r < told.definitions.relations.size(); ++r) {
    compare_relation(told, fold, views.relations(), r, now, out);
  }
}

// Weights. The documented rounding is part of the rule: 24 bits of weight, whole seconds. Compared within 1e-6, some
// sixteen of those units, since exponentials differ in their last bits.

namespace {

constexpr double kUnits = (1 << 24) - 1;
constexpr double kWeightError = 1e-6;

struct Weighed {
  std::int64_t at = 0;  // in seconds
  double delta = 0;
  double half_life = 0;  // in force then, in seconds
};

double rounded(double weight) { return std::floor(std::clamp(weight, 0.0, 1.0) * kUnits + 0.5) / kUnits; }

struct Point {
  double weight = 0;
  std::int64_t at = 0;
};

std::optional<Point> fold_weight(const std::vector<Weighed>& all) {
  std::optional<Point> point;
  for (const Weighed& w : all) {
    if (!point) {
      const double first = rounded(w.delta);
      if (first > 0) point = Point{first, w.at};
      continue;
    }
    const double left = std::exp2(-std::abs(static_cast<double>(w.at - point->at)) / w.half_life);
    point->weight = rounded(w.at >= point->at ? point->weight * left + w.delta : point->weight + w.delta * left);
    point->at = std::max(point->at, w.at);
  }
  return point;
}

std::int64_t second_of(Timestamp t) { return t.us / 1'000'000 - (t.us % 1'000'000 < 0 ? 1 : 0); }

class WeightFold {
 public:
  explicit WeightFold(const Told& told) : told_(told) {
    for (const Happening& h : told.happenings) take(h);
  }
  using Others = std::map<Ordinal, std::vector<Weighed>>;
  struct User {
    Others creators;
    Others items;
  };
  std::map<Ordinal, User> users;
  Duration half_life = days(30);

 private:
  void take(const Happening& h) {
    if (h.is(RecordType::SchemaChange) && h.change->has_settings) half_life = h.change->settings.relationship_half_life;
    if (h.deletes(EntityKind::User) || h.erases()) users.erase(h.subject);
    if (h.is_void || h.user == Ordinal::None || h.kind == EntityKind::User) return;
    const Moves moves = told_.moves_of(h);
    const bool is_item = h.kind == EntityKind::Item;
    const Ordinal creator = is_item ? h.creator : h.subject;
    const double seconds = static_cast<double>(half_life.us) / 1e6;
    if (moves.creator != 0 && creator != Ordinal::None) {
      users[h.user].creators[creator].push_back({second_of(h.at), moves.creator, seconds});
    }
    if (moves.affinity != 0 && is_item) {
      users[h.user].items[h.subject].push_back({second_of(h.at), moves.affinity, seconds});
    }
  }

  const Told& told_;
};

}  // namespace

void compare_weights(const Told& told, const db::Views& views, Timestamp now, Differences& out) {
  WeightFold fold(told);
  const relationship::WeightState& view = views.weights();
  out.same(fold.half_life.us, view.half_life().us, [] { return "half-life"; });
  const auto compare = [&](Ordinal user, relationship::WeightKind kind, const WeightFold::Others& others) {
    const bool of_creators = kind == relationship::WeightKind::Interaction;
    const EntityKind other_kind = of_creators ? EntityKind::Creator : EntityKind::Item;
    const std::vector<Ordinal> all = told.all(other_kind);
    std::vector<double> expected(all.size());
    std::vector<double> got(all.size());
    std::size_t positive = 0;
    for (const auto& [other, weighed] : others) {
      const std::optional<Point> point = fold_weight(weighed);
      if (!point) continue;
      const double age = std::max(0.0, static_cast<double>(now.us) / 1e6 - static_cast<double>(point->at));
      expected[to_index(other)] = point->weight * std::exp2(-age / (static_cast<double>(fold.half_life.us) / 1e6));
      if (expected[to_index(other)] > kWeightError) ++positive;
    }
    if (of_creators) {
      view.interactions(user, all, now, got);
    } else {
      view.affinities(user, all, now, got);
    }
    const auto what = [&] { return std::string(of_creators ? "interaction" : "affinity"); };
    for (const Ordinal o : all) {
      out.near(expected[to_index(o)], got[to_index(o)], kWeightError, [&] {
        return what() + " of " + told.name(EntityKind::User, user) + " with " + told.name(other_kind, o);
      });
    }
    const std::vector<relationship::Weight> top = view.top(user, kind, all.size() + 1, now);
    const auto of_top = [&] { return "top of " + what() + " of " + told.name(EntityKind::User, user); };
    out.same(true, top.size() >= positive, of_top);
    double before = 2;
    for (const relationship::Weight& each : top) {
      out.near(expected[to_index(each.other)], each.weight, kWeightError, of_top);
      out.same(true, each.weight <= before && each.weight > 0, of_top);
      before = each.weight;
    }
  };
  for (const Ordinal user : told.all(EntityKind::User)) {
    compare(user, relationship::WeightKind::Interaction, fold.users[user].creators);
    compare(user, relationship::WeightKind::Affinity, fold.users[user].items);
  }
}

}  // namespace tidal::test::fold
