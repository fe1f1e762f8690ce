// Co-engagement as plain maps, the same rules said the slow way; and random histories of what it takes.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/ordered_math.h"
#include "base/random.h"
#include "materializer/view_conformance.h"
#include "relationship/co_engagement.h"
#include "relationship/co_engagement_mat.h"
#include "schema/catalog.h"
#include "schema/change_codec.h"

namespace tidal::relationship {

inline constexpr std::uint32_t kUsers = 5;
inline constexpr std::uint32_t kItems = 12;

using FactRow = std::tuple<CoEngagementFact::Type, Ordinal, Ordinal, Ordinal, std::uint32_t, std::int64_t>;

[[nodiscard]] inline std::vector<FactRow> facts_of(const CoEngagement& state) {
  std::vector<FactRow> out;
  state.for_each_fact(
      [&out](const CoEngagementFact& f) { out.emplace_back(f.type, f.user, f.item, f.other, f.place, f.number); });
  std::sort(out.begin(), out.end());
  return out;
}

struct Model {
  CoEngagement::Limits limits{};
  std::map<Ordinal, std::vector<RecentItem>> lists;  // newest first
  std::map<Ordinal, std::map<Ordinal, float>> pairs;
  std::map<Ordinal, double> self;
  // What happened, for tests to see that it did.
  std::size_t evictions = 0;
  std::size_t late = 0;  ///< positives whose time lies before the newest of their list

  void record(const Positive& p) {
    if (p.user == Ordinal::None) return;
    std::vector<RecentItem>& list = lists[p.user];
    const auto at = std::find_if(list.begin(), list.end(), [&](const RecentItem& r) { return r.item == p.item; });
    if (at != list.end()) {
      const RecentItem moved{p.item, std::max(at->at, p.at)};
      list.erase(at);
      list.insert(list.begin(), moved);
      return;
    }
    if (list.size() == limits.recent) list.pop_back();
    if (!list.empty() && p.at < list.front().at) ++late;
    const double share = 1.0 / std::sqrt(static_cast<double>(list.size() + 1));
    self[p.item] += share;
    for (const RecentItem& other : list) {
      const double gap = std::abs(static_cast<double>(p.at.us) - static_cast<double>(other.at.us));
      const double lambda = 0.6931471805599453 / (30.0 * 86400e6);
      const double weight = base::ordered_exp(-lambda * gap) * share;
      add(p.item, other.item, weight);
      add(other.item, p.item, weight);
    }
    list.insert(list.begin(), {p.item, p.at});
  }
  void add(Ordinal of, Ordinal with, double weight) {
    std::map<Ordinal, float>& row = pairs[of];
    if (const auto known = row.find(with); known != row.end()) {
      known->second = static_cast<float>(static_cast<double>(known->second) + weight);
      return;
    }
    if (static_cast<float>(weight) == 0.0F) return;
    row[with] = static_cast<float>(weight);
    if (row.size() <= limits.neighbours) return;
    auto leaves = row.begin();  // ascending ordinals: a later one of the same weight goes before
    for (auto it = row.begin(); it != row.end(); ++it) {
      if (it->second <= leaves->second) leaves = it;
    }
    row.erase(leaves);
    ++evictions;
  }
  void take_back(Ordinal user, Ordinal item) {
    std::erase_if(lists[user], [item](const RecentItem& r) { return r.item == item; });
  }
  void delete_item(Ordinal item) {
    for (auto& [user, list] : lists) take_back(user, item);
    for (auto& [other, row] : pairs) row.erase(item);
    pairs.erase(item);
    self.erase(item);
  }
  void erase_user(Ordinal user) { lists.erase(user); }

  [[nodiscard]] std::vector<FactRow> facts() const {
    using Type = CoEngagementFact::Type;
    constexpr Ordinal none = Ordinal::None;
    std::vector<FactRow> out;
    for (const auto& [item, s] : self)
      out.emplace_back(Type::Self, none, item, none, 0, std::bit_cast<std::int64_t>(s));
    for (const auto& [item, row] : pairs) {
      for (const auto& [other, w] : row) {
        out.emplace_back(Type::Pair, none, item, other, 0, std::bit_cast<std::int32_t>(w));
      }
    }
    for (const auto& [user, list] : lists) {
      for (std::uint32_t k = 0; k < list.size(); ++k) {
        out.emplace_back(Type::Recent, user, list[k].item, none, k, list[k].at.us);
      }
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  [[nodiscard]] std::map<Ordinal, double> similarities(Ordinal item) const {
    std::map<Ordinal, double> out;
    const auto row = pairs.find(item);
    if (row == pairs.end()) return out;
    for (const auto& [other, w] : row->second) {
      const double cosine = std::min(1.0, static_cast<double>(w) / std::sqrt(self.at(item) * self.at(other)));
      out[other] = cosine * (static_cast<double>(w) / (static_cast<double>(w) + 2.0));
    }
    return out;
  }
  [[nodiscard]] std::map<Ordinal, double> sums(Ordinal user) const {
    std::map<Ordinal, double> out;
    const auto list = lists.find(user);
    if (list == lists.end()) return out;
    for (const RecentItem& recent : list->second) {
      for (const auto& [other, similar] : similarities(recent.item)) out[other] += similar;
    }
    return out;
  }
  [[nodiscard]] static std::vector<Neighbour> best(const std::map<Ordinal, double>& all, std::size_t n) {
    std::vector<Neighbour> out;
    for (const auto& [item, similar] : all) out.push_back({item, similar});
    std::stable_sort(out.begin(), out.end(),
                     [](const Neighbour& a, const Neighbour& b) { return a.similarity > b.similarity; });
    if (out.size() > n) out.resize(n);
    return out;
  }
};

/// A history and what the model makes of it.
struct Story {
  materializer::History history;
  Model model;

  void declare(const std::string& name, Role role, EntityKind target = EntityKind::Item) {
    schema::SchemaChange change;
    SignalDef def;
    def.name = name;
    def.target = target;
    def.roles = static_cast<std::uint16_t>(role);
    change.signals.push_back(def);
    history.add(wal::RecordType::SchemaChange, Timestamp{}, schema::encode_change(change));
  }
  struct On {
    std::uint16_t signal = 0;
    Ordinal user = Ordinal::None;
    Ordinal item = Ordinal::None;
    Timestamp at{};
  };
  wal::WalEvent& event(wal::RecordType type, const On& on) {
    wal::WalEvent& event = history.add(type, on.at);
    event.record.subject_kind = on.signal == 3 ? EntityKind::Creator : EntityKind::Item;
    event.ids.subject = on.item;
    event.ids.user = on.user;
    event.ids.signal = on.signal;
    return event;
  }
  wal::WalEvent& about(wal::RecordType type, EntityKind kind, Ordinal subject) {
    wal::WalEvent& event = history.add(type, Timestamp{});
    event.record.subject_kind = kind;
    event.ids.subject = subject;
    return event;
  }
};

/// Signals of stories: 0 like and 1 share are positive, 2 view is not, 3 cheer is, of creators.
inline void declare_signals(Story& story) {
  story.declare("like", Role::Positive);
  story.declare("share", Role::Positive);
  story.declare("view", Role::View);
  story.declare("cheer", Role::Positive, EntityKind::Creator);
}

struct StoryOptions {
  std::uint64_t seed = 1;
  std::uint32_t steps = 100;
  CoEngagement::Limits limits{};
};

inline Story random_story(const StoryOptions& options) {
  base::Random random(options.seed);
  const auto below = [&random](std::uint32_t n) { return static_cast<std::uint32_t>(random.below(n)); };
  Story story;
  story.model.limits = options.limits;
  declare_signals(story);
  const auto time = [&] {
    // Few distinct times at first, so that ties and late events are common; then hours; then decades.
    const std::uint32_t kind = below(10);
    const auto n = static_cast<std::int64_t>(below(20)) - 5;
    return Timestamp{kind < 4 ? n : kind < 9 ? hours(n * 40).us : days(n * 4000).us};
  };
  for (std::uint32_t step = 0; step < options.steps; ++step) {
    const std::uint32_t what = below(1000);
    const Story::On on{.signal = static_cast<std::uint16_t>(below(8) == 0 ? 1 + below(3) : 0),
                       .user = below(12) == 0 ? Ordinal::None : to_ordinal(below(kUsers)),
                       .item = to_ordinal(below(kItems)),
                       .at = time()};
    if (what < 800) {
      const bool is_void = below(30) == 0;
      story.event(wal::RecordType::Signal, on).ids.is_void = is_void;
      if (!is_void && on.signal < 2) story.model.record({on.user, on.item, on.at});
    } else if (what < 880) {
      const bool stood = below(2) == 0;
      story.event(wal::RecordType::Unsignal, on).ids.stood = stood;
      if (stood && on.signal < 2) story.model.take_back(on.user, on.item);
    } else if (what < 950) {
      // Now and then so often that generations begin anew (E3).
      const std::uint32_t times = below(40) == 0 ? 255 + below(3) : 1;
      for (std::uint32_t k = 0; k < times; ++k) story.about(wal::RecordType::DeleteEntity, EntityKind::Item, on.item);
      story.model.delete_item(on.item);
    } else if (what < 960) {
      story.about(wal::RecordType::DeleteEntity, EntityKind::Creator, on.item);
    } else if (what < 975) {
      story.about(wal::RecordType::DeleteEntity, EntityKind::User, to_ordinal(step % kUsers));
      story.model.erase_user(to_ordinal(step % kUsers));
    } else if (what < 990) {
      story.about(wal::RecordType::Erase, EntityKind::User, to_ordinal(step % kUsers));
      story.model.erase_user(to_ordinal(step % kUsers));
    } else {
      story.about(wal::RecordType::PutEntity, EntityKind::Item, on.item);
    }
  }
  return story;
}

class World final : public materializer::ViewWorld {
 public:
  explicit World(CoEngagement::Limits limits) : state(limits) {}
  materializer::Materializer& view() override { return mat_; }
  void apply_before(const wal::WalEvent& event) override { catalog_.apply(event); }
  CoEngagement state;

 private:
  schema::Catalog catalog_;
  materializer::NumberedKeys keys_{kUsers + kItems};
  CoEngagementMaterializer mat_{state, {catalog_, keys_}};
};

}  // namespace tidal::relationship
