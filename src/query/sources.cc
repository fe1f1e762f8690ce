// Binding of sources, and what each finds.
#include "query/sources.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "relationship/traversal.h"

namespace tidal::query {
namespace {

using Kind = BoundSource::Kind;

// How many times its limit a source that gives its best first reaches for, at first and at most: beyond that one by one
// costs more than everything at once.
constexpr std::size_t kFirstReach = 4;
constexpr std::size_t kFarthestReach = 32;
constexpr std::size_t kEverything = std::numeric_limits<std::size_t>::max();

constexpr std::array<std::string_view, 5> kNames = {"scan", "following", "friends_liked", "co_engaged", "related"};
constexpr std::array<std::string_view, 5> kLaterNames = {"ann", "trending", "creator", "text", "explore"};

/// `limit:200` as its name and number.
struct Option {
  std::string name;
  std::string word;
  Span span;
};

Result<Option> option_of(const BindScope& scope, const Call& call, const Expr& argument) {
  const ExprNode& node = argument.root_node();
  if (node.op != ExprOp::Option) {
    return refuse(scope.context, argument.span(), call.name.text + "() takes options such as limit:200",
                  {.expected = {"limit:200"}});
  }
  const auto* word = std::get_if<std::string>(&node.literal);
  if (word != nullptr) return Option{node.path[0].text, *word, argument.span()};
  if (const auto* param = std::get_if<Param>(&node.literal)) {
    TIDAL_TRY_ASSIGN(const Value value, param_value(scope.context, *param, argument.span()));
    if (const auto* n = std::get_if<std::int64_t>(&value)) {
      return Option{node.path[0].text, std::to_string(*n), argument.span()};
    }
    if (const auto* text = std::get_if<std::string>(&value)) return Option{node.path[0].text, *text, argument.span()};
  }
  return refuse(scope.context, argument.span(), "the option " + node.path[0].text + " takes a word or a number");
}

Result<double> number_in(const BindScope& scope, const Option& option, double least, double most, bool whole) {
  char* end = nullptr;
  const double number = std::strtod(option.word.c_str(), &end);
  const bool is_number = !option.word.empty() && end == option.word.c_str() + option.word.size();
  if (is_number && number >= least && number <= most && (!whole || number == std::floor(number))) return number;
  return refuse(scope.context, option.span,
                option.name + ": expected a " + (whole ? "whole " : "") + "number from " +
                    std::to_string(static_cast<std::int64_t>(least)) + " to " +
                    std::to_string(static_cast<std::int64_t>(most)) + ", got " + option.word);
}

/// The relation that a walk follows: the one named, else the usual one.
Result<std::uint16_t> walk_relation(const BindScope& scope, const Call& call, const std::string& named) {
  const bool friends = call.name.text == "friends_liked";
  const std::string name = !named.empty() ? named : friends ? "friend" : "follows";
  const int position = scope.schema().relation_index(name);
  const EntityKind to = friends ? EntityKind::User : EntityKind::Creator;
  const std::string wanted = "a relation FROM user TO " + std::string(kind_name(to));
  if (position < 0) {
    return refuse(scope.context, call.span,
                  call.name.text + " needs the relation '" + name + "', which is not declared",
                  {.hint = "DEFINE RELATION " + name + " FROM user TO " + std::string(kind_name(to)) +
                           "; another one is named by relation:…"});
  }
  const RelationDef& def = scope.schema().relations[static_cast<std::size_t>(position)];
  const bool fits = def.from == EntityKind::User && (def.to == to || (!friends && def.to == EntityKind::Item));
  if (!fits) return refuse(scope.context, call.span, call.name.text + " needs " + wanted + ", '" + name + "' is none");
  return static_cast<std::uint16_t>(position);
}

Result<BoundSource> bind_source(const BindScope& scope, const Call& call, const std::vector<Ordinal>& anchors) {
  const std::string& name = call.name.text;
  const auto* known = std::ranges::find(kNames, name);
  if (known == kNames.end()) {
    if (std::ranges::find(kLaterNames, name) != kLaterNames.end()) {
      return not_yet(scope.context, call.span, "the source " + name);
    }
    std::vector<std::string> names(kNames.begin(), kNames.end());
    return refuse(scope.context, call.name.span, "there is no source '" + name + "'",
                  nearest_remedy(name, names, names));
  }
  BoundSource out{.name = name};
  std::string relation;
  bool deep = false;
  const bool walks = name == "following" || name == "friends_liked";
  for (const Expr& argument : call.args) {
    TIDAL_TRY_ASSIGN(const Option option, option_of(scope, call, argument));
    double number = 0;
    if (option.name == "limit" && name != "scan") {
      TIDAL_TRY_ASSIGN(number, number_in(scope, option, 1, kSourceLimitMax, true));
      out.limit = static_cast<std::size_t>(number);
    } else if (option.name == "edges" && walks) {
      TIDAL_TRY_ASSIGN(number, number_in(scope, option, 1, kEdgesMax, true));
      out.edges = static_cast<std::size_t>(number);
    } else if (option.name == "min_weight" && walks) {
      TIDAL_TRY_ASSIGN(out.min_weight, number_in(scope, option, 0, 1e9, false));
    } else if (option.name == "relation" && walks) {
      relation = option.word;
    } else if (option.name == "depth" && name == "following") {
      TIDAL_TRY_ASSIGN(number, number_in(scope, option, 1, 2, true));
      deep = number == 2;
    } else {
      return refuse(scope.context, option.span, name + " has no option '" + option.name + "'",
                    {.expected = walks ? std::vector<std::string>{"limit", "edges", "min_weight", "relation"}
                                       : std::vector<std::string>{"limit"}});
    }
  }
  if (walks || name == "co_engaged") {
    if (!scope.has_user()) {
      return refuse(scope.context, call.span, name + " needs to know the asking user", {.hint = "add FOR USER @key"});
    }
  }
  if (walks) {
    TIDAL_TRY_ASSIGN(out.relation, walk_relation(scope, call, relation));
  }
  if (name == "following") out.kind = deep ? Kind::Fellows : Kind::Following;
  if (name == "friends_liked") out.kind = Kind::FriendsLiked;
  if (name == "co_engaged") out.kind = Kind::CoEngaged;
  if (name == "related") {
    if (anchors.empty()) {
      return refuse(scope.context, call.span, "related needs an item to start from", {.hint = "add SIMILAR TO @key"});
    }
    out.kind = Kind::Related;
    out.anchors = anchors;
  }
  return out;
}

}  // namespace

Result<std::vector<Ordinal>> bind_anchors(const BindScope& scope, const std::vector<Key>& keys) {
  std::vector<Ordinal> anchors;
  if (keys.size() > kAnchorsMax) {
    return refuse(
        scope.context, keys[kAnchorsMax].span,
        "SIMILAR TO takes at most " + std::to_string(kAnchorsMax) + " items, got " + std::to_string(keys.size()));
  }
  for (const Key& key : keys) {
    std::string text;
    if (const auto* written = key.written()) {
      text = *written;
    } else {
      TIDAL_TRY_ASSIGN(const Value value, param_value(scope.context, *key.param(), key.span));
      const auto* string = std::get_if<std::string>(&value);
      if (string == nullptr) return refuse(scope.context, key.span, "SIMILAR TO takes a key in a string");
      text = *string;
    }
    const Ordinal item = scope.views.entities->find(EntityKind::Item, text);
    if (item == Ordinal::None || !scope.views.entities->is_live(EntityKind::Item, item)) {
      Error absent = refuse(scope.context, key.span, "item '" + text + "' does not exist");
      absent.code = Code::NotFound;
      return absent;
    }
    if (std::ranges::find(anchors, item) == anchors.end()) anchors.push_back(item);
  }
  return anchors;
}

Result<std::vector<BoundSource>> bind_sources(const BindScope& scope, const std::vector<Call>& calls,
                                              const std::vector<Ordinal>& anchors) {
  std::vector<BoundSource> sources;
  if (calls.size() > kSourcesMax) {
    return refuse(
        scope.context, calls[kSourcesMax].span,
        "FROM takes at most " + std::to_string(kSourcesMax) + " sources, got " + std::to_string(calls.size()));
  }
  for (const Call& call : calls) {
    if (scope.kind != EntityKind::Item) {
      return refuse(scope.context, call.span, "sources find items, not " + std::string(plural(scope.kind)));
    }
    TIDAL_TRY_ASSIGN(BoundSource source, bind_source(scope, call, anchors));
    sources.push_back(std::move(source));
  }
  return sources;
}

Sources::Sources(const std::vector<BoundSource>& sources, FeatureReader& reader, const Deadline& deadline,
                 Timestamp not_after)
    : reader_(reader), deadline_(deadline), not_after_(not_after) {
  for (const BoundSource& source : sources) {
    found_.push_back({.source = &source, .items = {}, .known = {}, .scores = {}, .wanted = kFirstReach * source.limit});
    if (!deadline_.passed()) reach(found_.back());
  }
}

bool Sources::reach_on(const index::Bitmap& survivors) {
  bool any = false;
  for (Found& found : found_) {
    if (found.complete || deadline_.passed()) continue;
    index::Bitmap left = found.items;
    left &= survivors;
    if (left.cardinality() >= found.source->limit) continue;
    // As many as will do if they survive like those before, and half as many again.
    const std::size_t limit = found.source->limit;
    const std::uint64_t needed = left.empty() ? kEverything : found.wanted * limit / left.cardinality() * 3 / 2;
    found.wanted = needed <= kFarthestReach * limit && found.wanted < needed ? needed : kEverything;
    reach(found);
    any = true;
  }
  return any;
}

void Sources::reach(Found& found) {
  const BoundSource& source = *found.source;
  const ReadViews& views = reader_.views();
  const Ordinal user = reader_.user();
  if (source.kind == Kind::Scan) {
    found.items = views.fields->live(EntityKind::Item);
    return;
  }
  if (source.kind == Kind::Related) return find_related(source, found);
  if (user == Ordinal::None) return;  // a new user follows nobody
  if (source.kind == Kind::CoEngaged) {
    for (const auto& [item, score] : views.co_engagement->from_recent(user, kSourceLimitMax)) {
      found.scores.emplace_back(item, score);
    }
    std::ranges::sort(found.scores);
    for (const auto& [item, score] : found.scores) found.items.add(item);
    return;
  }
  const relationship::Walk walk{.edges = *views.relations,
                                .relation = source.relation,
                                .def = views.schema->relations[source.relation],
                                .user = user,
                                .now = reader_.now(),
                                .edges_max = source.edges,
                                .weight_min = source.min_weight};
  if (source.kind == Kind::Following && found.wanted != kEverything) {
    relationship::Reached reached =
        relationship::newest_of_targets(walk, *views.creator_items, {found.wanted, not_after_});
    found.items = std::move(reached.items);
    found.complete = reached.complete;
    found.capped = reached.capped;
    return;
  }
  if (!found.known) {
    relationship::Reached reached =
        source.kind == Kind::Following      ? relationship::items_of_targets(walk, *views.creator_items)
        : source.kind == Kind::FriendsLiked ? relationship::liked_by_targets(walk, *views.user_state)
                                            : relationship::liked_by_fellows(walk, *views.co_engagement);
    found.known = std::move(reached.items);
    found.capped = reached.capped;
  }
  found.items = newest(*found.known, found.wanted);
  found.complete = found.items.cardinality() == found.known->cardinality();
}

/// Neighbours by co-engagement and by embedding, each in [0, 1] at its best: the sum over both and over the anchors.
void Sources::find_related(const BoundSource& source, Found& found) {
  const ReadViews& views = reader_.views();
  std::map<Ordinal, double> scores;
  const int slot = views.schema->preference_slot();
  std::vector<Ordinal> live;
  std::vector<double> dots;
  for (const Ordinal anchor : source.anchors) {
    if (deadline_.passed()) break;
    for (const auto& [item, similarity] : views.co_engagement->neighbours(anchor, kSourceLimitMax)) {
      scores[item] += similarity;
    }
    if (slot < 0 || !views.embeddings->has(static_cast<std::size_t>(slot), anchor)) continue;
    if (live.empty()) live = views.fields->live(EntityKind::Item).to_vector();
    std::vector<float> query(views.schema->embeddings[static_cast<std::size_t>(slot)].size);
    if (!views.embeddings->vector(static_cast<std::size_t>(slot), anchor, query)) continue;
    dots.resize(live.size());
    views.embeddings->dots(static_cast<std::size_t>(slot), query, live, 0, dots);
    std::vector<std::size_t> order(live.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    const std::size_t n = std::min(order.size(), kSourceLimitMax);
    const auto nearer = [&](std::size_t a, std::size_t b) { return dots[a] != dots[b] ? dots[a] > dots[b] : a < b; };
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(), nearer);
    for (std::size_t k = 0; k < n && dots[order[k]] > 0; ++k) scores[live[order[k]]] += dots[order[k]];
  }
  for (const Ordinal anchor : source.anchors) scores.erase(anchor);
  found.scores.assign(scores.begin(), scores.end());
  for (const auto& [item, score] : found.scores) found.items.add(item);
}

index::Bitmap Sources::reached() const {
  index::Bitmap all;
  for (const Found& found : found_) all |= found.items;
  return all;
}

/// The `count` newest that are not too new; all as they are when there are no more.
index::Bitmap Sources::newest(const index::Bitmap& items, std::size_t count) const {
  if (items.cardinality() <= count) return items;
  constexpr std::size_t kBlock = 64;
  const std::vector<Ordinal> all = items.to_vector();
  std::array<double, kBlock> created;
  std::vector<relationship::CreatedItem> best;  // and some that are worse than the `count` best
  best.reserve(std::min(2 * count, all.size()) + kBlock);
  std::optional<relationship::CreatedItem> bar;  // the worst of the best so far
  const auto is_before = [](const auto& a, const auto& b) { return a.is_before(b); };
  const auto keep_best = [&] {
    if (best.size() <= count) return;
    const auto last = best.begin() + static_cast<std::ptrdiff_t>(count) - 1;
    std::ranges::nth_element(best, last, is_before);
    bar = *last;
    best.resize(count);
  };
  // From the end: what came last into the database is mostly the newest, and what is older then fails at the bar.
  for (std::size_t end = all.size(); end > 0;) {
    const std::size_t n = std::min(end, kBlock);
    end -= n;
    const std::span<const Ordinal> block(all.data() + end, n);
    reader_.views().entities->creation_times(EntityKind::Item, block, kOpenCreationUs, {created.data(), n});
    for (std::size_t i = n; i-- > 0;) {
      const relationship::CreatedItem item{Timestamp{static_cast<std::int64_t>(created[i])}, block[i]};
      if (item.created <= not_after_ && (!bar || item.is_before(*bar))) best.push_back(item);
    }
    if (best.size() >= 2 * count) keep_best();
  }
  keep_best();
  std::vector<Ordinal> kept;
  kept.reserve(best.size());
  for (const relationship::CreatedItem& each : best) kept.push_back(each.item);
  std::ranges::sort(kept);
  return index::Bitmap::of(kept);
}

/// The survivors with the highest scores; without scores the newest.
index::Bitmap Sources::best(const Found& found, const index::Bitmap& survivors) const {
  index::Bitmap left = found.items;
  left &= survivors;
  const std::size_t limit = found.source->limit;
  if (found.source->kind == Kind::Scan || left.cardinality() <= limit) return left;
  if (found.scores.empty()) return newest(left, limit);
  std::vector<Ordinal> items = left.to_vector();
  std::vector<double> ranks(items.size());
  scores(items, ranks);
  std::vector<std::size_t> order(items.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto better = [&](std::size_t a, std::size_t b) { return ranks[a] != ranks[b] ? ranks[a] > ranks[b] : a < b; };
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(limit), order.end(), better);
  std::vector<Ordinal> kept;
  kept.reserve(limit);
  for (std::size_t k = 0; k < limit; ++k) kept.push_back(items[order[k]]);
  return index::Bitmap::of(kept);
}

index::Bitmap Sources::cut(const index::Bitmap& survivors) {
  index::Bitmap all;
  for (Found& found : found_) {
    found.items = best(found, survivors);
    all |= found.items;
  }
  return all;
}

void Sources::scores(std::span<const Ordinal> candidates, std::span<double> out) const {
  std::fill(out.begin(), out.end(), 0.0);
  for (const Found& found : found_) {
    for (std::size_t i = 0; i < candidates.size() && !found.scores.empty(); ++i) {
      const auto at = std::ranges::lower_bound(found.scores, candidates[i], {}, &std::pair<Ordinal, double>::first);
      if (at != found.scores.end() && at->first == candidates[i]) out[i] = std::max(out[i], at->second);
    }
  }
}

std::vector<std::string> Sources::names_of(Ordinal candidate) const {
  std::vector<std::string> names;
  for (const Found& found : found_) {
    if (found.items.contains(candidate)) names.push_back(found.source->name);
  }
  return names;
}

std::vector<Warning> Sources::warnings() const {
  std::vector<Warning> warnings;
  for (const Found& found : found_) {
    if (!found.capped) continue;
    warnings.push_back({"capped", found.source->name + " followed the newest " + std::to_string(found.source->edges) +
                                      " edges; there are more (edges:…)"});
  }
  return warnings;
}

}  // namespace tidal::query
