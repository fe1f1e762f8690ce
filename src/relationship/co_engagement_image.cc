// The image of co-engagement and its facts for the digest.
//
// Image: format u8 = 1; ends of item and user ordinals, varints; items with positives as differences (ordinal_list.h),
// then each: self f64, number of pairs, each in ascending order of the other item: its ordinal minus the one before,
// weight f32; users with a list as differences, then each: its length, each, oldest first: item, time minus the time
// before zigzag. Generations are not in it: only what is live is.
#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/epoch.h"
#include "index/ordinal_list.h"
#include "relationship/co_engagement_tables.h"

namespace tidal::relationship {
namespace {

constexpr std::uint8_t kImageFormat = 1;

Error corrupt(std::string what) { return Error(Code::Corruption, "co-engagement image: " + std::move(what)); }

struct Pair {
  Ordinal other = Ordinal::None;
  float weight = 0;
};

void encode_pairs(const std::vector<Pair>& ascending, base::Encoder& out) {
  out.varint(ascending.size());
  std::uint32_t before = 0;
  for (const Pair& pair : ascending) {
    out.varint(to_index(pair.other) - before);
    out.f32(pair.weight);
    before = to_index(pair.other);
  }
}

struct RowBounds {
  Ordinal item = Ordinal::None;
  std::uint64_t item_end = 0;
  std::uint64_t pairs_max = 0;
};

/// `in` fails on anything that a row cannot hold.
std::vector<Pair> decode_pairs(base::Decoder& in, const RowBounds& bounds) {
  std::vector<Pair> out;
  const std::uint64_t count = in.varint();
  if (count > bounds.pairs_max) in.fail();
  std::uint64_t ordinal = 0;
  for (std::uint64_t k = 0; k < count && in.ok(); ++k) {
    const std::uint64_t gap = in.varint();
    const float weight = in.f32();
    if (gap >= bounds.item_end || (k > 0 && gap == 0)) in.fail();
    ordinal += gap;
    if (ordinal >= bounds.item_end || ordinal == to_index(bounds.item)) in.fail();
    if (!(weight > 0) || !std::isfinite(weight)) in.fail();  // E4
    out.push_back({to_ordinal(static_cast<std::uint32_t>(ordinal)), weight});
  }
  return out;
}

void encode_list(const std::vector<RecentPlace>& places, base::Encoder& out) {
  out.varint(places.size());
  std::uint64_t before = 0;
  for (const RecentPlace& place : places) {
    out.varint(place.item);
    // Modulo 2^64, so that no two times are too far apart.
    out.zigzag(static_cast<std::int64_t>(static_cast<std::uint64_t>(place.time_us) - before));
    before = static_cast<std::uint64_t>(place.time_us);
  }
}

struct ListBounds {
  std::uint64_t item_end = 0;
  std::uint64_t places_max = 0;
};

std::vector<RecentPlace> decode_list(base::Decoder& in, const ListBounds& bounds) {
  std::vector<RecentPlace> out;
  const std::uint64_t count = in.varint();
  if (count == 0 || count > bounds.places_max) in.fail();
  std::uint64_t time = 0;
  for (std::uint64_t k = 0; k < count && in.ok(); ++k) {
    const std::uint64_t item = in.varint();
    time += static_cast<std::uint64_t>(in.zigzag());
    if (item >= bounds.item_end) in.fail();
    const auto same = [item](const RecentPlace& place) { return place.item == item; };
    if (std::any_of(out.begin(), out.end(), same)) in.fail();  // E1
    out.push_back({.time_us = static_cast<std::int64_t>(time), .item = static_cast<std::uint32_t>(item)});
  }
  return out;
}

}  // namespace

class CoEngagement::StateCapture final : public CoEngagement::Capture {
 public:
  explicit StateCapture(const State& state)
      : state_(state),
        item_end_(state.item_end.load(std::memory_order_relaxed)),
        user_end_(state.user_end.load(std::memory_order_relaxed)),
        past_items_(state.past_items.begin()),
        past_generations_(state.past_generations.begin()),
        past_lists_(state.past_lists.begin()) {}

  [[nodiscard]] std::string encode() const override {
    const std::vector<Generation> generations = generations_then();
    std::vector<Ordinal> items;
    base::Encoder by_item;
    for (std::uint32_t i = 0; i < item_end_; ++i) {
      const PastEngagement past = item_then(i);
      if (!(past.self > 0)) continue;
      items.push_back(to_ordinal(i));
      by_item.f64(past.self);
      std::vector<Pair> pairs;
      for (std::size_t k = 0; k < past.words.size(); ++k) {
        const Ordinal other = item_of(past.words[k]);
        if (generations[to_index(other)] != past.generations[k]) continue;  // E3
        pairs.push_back({other, weight_of(past.words[k])});
      }
      std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.other < b.other; });
      encode_pairs(pairs, by_item);
    }
    std::vector<Ordinal> users;
    base::Encoder by_user;
    for (std::uint32_t u = 0; u < user_end_; ++u) {
      std::vector<RecentPlace> places = list_then(u);
      std::erase_if(places, [&](const RecentPlace& place) { return generations[place.item] != place.generation; });
      if (places.empty()) continue;
      users.push_back(to_ordinal(u));
      encode_list(places, by_user);
    }

    base::Encoder out;
    out.u8(kImageFormat);
    for (const std::vector<Ordinal>* ordinals : {&items, &users}) {
      out.varint(ordinals->empty() ? 0 : to_index(ordinals->back()) + std::uint64_t{1});
    }
    index::encode_ordinals(items, out);
    out.raw(by_item.str());
    index::encode_ordinals(users, out);
    out.raw(by_user.str());
    return out.take();
  }

 private:
  // Each of the moment: what was saved wins over what is there, which is looked at first (base::Captures, S1).

  [[nodiscard]] std::vector<Generation> generations_then() const {
    std::vector<Generation> out(item_end_);
    for (std::uint32_t i = 0; i < item_end_; ++i) out[i] = state_.generation(to_ordinal(i));
    past_generations_.for_each_saved([&out](std::uint64_t item, Generation generation) {
      if (item < out.size()) out[item] = generation;
    });
    return out;
  }
  [[nodiscard]] PastEngagement item_then(std::uint32_t i) const {
    PairSnapshot row;
    state_.read_row(to_ordinal(i), row);
    const double self = state_.self(to_ordinal(i));
    if (auto saved = past_items_.saved(i)) return *std::move(saved);
    return {.self = self,
            .words = {row.words.begin(), row.words.begin() + row.size},
            .generations = {row.generations.begin(), row.generations.begin() + row.size}};
  }
  [[nodiscard]] std::vector<RecentPlace> list_then(std::uint32_t u) const {
    RecentSnapshot list;
    state_.read_list(to_ordinal(u), list);
    if (auto saved = past_lists_.saved(u)) return *std::move(saved);
    return {list.span().begin(), list.span().end()};
  }

  base::EpochPin pin_;  // first: it keeps the state, should clear() retire it, and the blocks that are replaced
  const State& state_;
  std::uint32_t item_end_;
  std::uint32_t user_end_;
  base::Captures<PastEngagement>::Capture past_items_;
  base::Captures<Generation>::Capture past_generations_;
  base::Captures<std::vector<RecentPlace>>::Capture past_lists_;
};

std::unique_ptr<CoEngagement::Capture> CoEngagement::capture() const {
  return std::make_unique<StateCapture>(*state_.load(std::memory_order_relaxed));
}

Status CoEngagement::restore(std::string_view image, const IsKnown& is_known) {
  base::Decoder in(image);
  if (const std::uint8_t format = in.u8(); format != kImageFormat) return corrupt("format " + std::to_string(format));
  const std::uint64_t item_end = in.varint();
  const std::uint64_t user_end = in.varint();
  const auto beyond = [&](EntityKind kind, std::uint64_t end) {
    return end > to_index(Ordinal::None) ||
           (end > 0 && !is_known(kind, to_ordinal(static_cast<std::uint32_t>(end - 1))));
  };
  if (beyond(EntityKind::Item, item_end)) return corrupt("unknown item " + std::to_string(item_end - 1));
  if (beyond(EntityKind::User, user_end)) return corrupt("unknown user " + std::to_string(user_end - 1));

  auto next = std::make_unique<State>();
  const std::vector<Ordinal> items = index::decode_ordinals(in, static_cast<std::uint32_t>(item_end));
  for (const Ordinal i : items) {
    EngagedItem& item = next->grow_to_item(i);
    item.self = in.f64();
    if (!(item.self > 0) || !std::isfinite(item.self)) in.fail();
    const std::vector<Pair> pairs =
        decode_pairs(in, {.item = i, .item_end = item_end, .pairs_max = limits_.neighbours});
    if (!in.ok()) return corrupt("malformed item " + std::to_string(to_index(i)));
    if (pairs.empty()) continue;
    PairRow* row = PairRow::make(capacity_for(pairs.size(), limits_.neighbours));
    for (const Pair& pair : pairs) row->append(pair_word(pair.other, pair.weight), 0);
    next->replace_row(item, row);
  }
  const auto has_positives = [&next](Ordinal item) { return next->self(item) > 0; };
  for (const Ordinal i : items) {  // E4
    const PairRow* row = next->items[to_index(i)].row;
    for (std::size_t k = 0; row != nullptr && k < row->used; ++k) {
      if (!has_positives(item_of(row->words()[k]))) return corrupt("pair with an item without positives");
    }
  }
  for (const Ordinal u : index::decode_ordinals(in, static_cast<std::uint32_t>(user_end))) {
    const std::vector<RecentPlace> places = decode_list(in, {.item_end = item_end, .places_max = limits_.recent});
    for (const RecentPlace& place : places) {
      if (!has_positives(to_ordinal(place.item))) in.fail();
    }
    if (!in.ok()) return corrupt("malformed user " + std::to_string(to_index(u)));
    next->grow_to_user(u);
    next->assign_list(u, places, limits_.recent);
  }
  if (!in.ok()) return corrupt("truncated");
  if (!in.at_end()) return corrupt(std::to_string(in.rest().size()) + " bytes after its end");
  base::retire(state_.exchange(next.release(), std::memory_order_acq_rel));  // pairs with the readers' acquire
  return {};
}

void CoEngagement::for_each_fact(const std::function<void(const CoEngagementFact&)>& visit) const {
  using Type = CoEngagementFact::Type;
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < state.item_end.load(std::memory_order_relaxed); ++i) {
    const Ordinal item = to_ordinal(i);
    const double self = state.self(item);
    if (!(self > 0)) continue;
    visit({.type = Type::Self, .item = item, .number = std::bit_cast<std::int64_t>(self)});
    PairSnapshot row;
    state.read_row(item, row);
    for (std::size_t k = 0; k < row.size; ++k) {
      const Ordinal other = item_of(row.words[k]);
      if (state.generation(other) != row.generations[k]) continue;
      visit({.type = Type::Pair,
             .item = item,
             .other = other,
             .number = std::bit_cast<std::int32_t>(weight_of(row.words[k]))});
    }
  }
  for (std::uint32_t u = 0; u < state.user_end.load(std::memory_order_relaxed); ++u) {
    std::uint32_t place = 0;
    for (const RecentItem& recent : this->recent(to_ordinal(u))) {
      visit(
          {.type = Type::Recent, .user = to_ordinal(u), .item = recent.item, .place = place++, .number = recent.at.us});
    }
  }
}

}  // namespace tidal::relationship
