// The image of weights.
//
// Image: format u8 = 1; half-life i64 in microseconds; ends of user, creator and item ordinals, varints; users with
// anything as differences (ordinal_list.h), then each: number of pairs, then each: its number minus the number before,
// varint, where the number is kind << 32 | ordinal; its word u64 (weight_word.h).
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/epoch.h"
#include "index/ordinal_list.h"
#include "relationship/weights_state.h"

namespace tidal::relationship {
namespace {

using signal::MarkEntry;
using signal::MarkTable;

constexpr std::uint8_t kImageFormat = 1;
constexpr std::size_t kKinds = 2;
constexpr unsigned kSignalBits = 16;  // of a key, always 0

Error corrupt(std::string what) { return Error(Code::Corruption, "weights image: " + std::move(what)); }

/// Where the ordinals of each kind of weight end.
using Ends = std::array<std::uint64_t, kKinds>;

void reach(Ends& ends, std::uint64_t key) {
  std::uint64_t& end = ends[static_cast<std::size_t>(kind_of(key))];
  end = std::max(end, to_index(signal::item_of(key)) + std::uint64_t{1});
}

/// Reads one user's pairs; `in` fails on anything that a table cannot hold.
std::vector<MarkEntry> decode_pairs(base::Decoder& in, const Ends& ends) {
  std::vector<MarkEntry> out;
  const std::uint64_t count = in.varint();
  if (count == 0 || count > in.rest().size() / 9) in.fail();  // each takes at least nine bytes
  if (!in.ok()) return out;
  out.reserve(count);
  std::uint64_t number = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t gap = in.varint();
    const auto word = static_cast<std::int64_t>(in.u64());
    const std::uint64_t kind = (number + gap) >> 32;
    if (gap >> 34 != 0 || (i > 0 && gap == 0) || kind >= kKinds) in.fail();
    if (!in.ok()) return {};
    number += gap;
    const WeightPoint point = unpack(word);
    if ((number & 0xFFFFFFFFU) >= ends[kind] || point.second < 0 || point.second >= kSecondsEnd) in.fail();
    if (!in.ok()) return {};
    out.push_back({number << kSignalBits, word});
  }
  return out;
}

void encode_pairs(const std::vector<MarkEntry>& entries, base::Encoder& out) {
  out.varint(entries.size());
  std::uint64_t before = 0;
  for (const MarkEntry& e : entries) {
    const std::uint64_t number = e.key >> kSignalBits;
    out.varint(number - before);
    out.u64(static_cast<std::uint64_t>(e.word));
    before = number;
  }
}

}  // namespace

class WeightState::StateCapture final : public WeightState::Capture {
 public:
  explicit StateCapture(const State& state)
      : state_(state),
        half_life_us_(state.half_life_us.load(std::memory_order_relaxed)),
        user_end_(state.user_end.load(std::memory_order_relaxed)),
        changed_(state.past_users.begin()) {
    ++state.captures;
  }

  [[nodiscard]] std::string encode() const override {
    Ends ends{};
    std::vector<Ordinal> users;
    base::Encoder by_user;
    for (std::uint32_t u = 0; u < user_end_; ++u) {
      const MarkTable* table = state_.users.find(u);
      if (table == nullptr) continue;
      MarkTable::Capture past = table->capture();
      if (const auto saved = changed_.saved(u)) past = *saved;  // S1: after the look at the live user
      const std::vector<MarkEntry> entries = past.entries();
      if (entries.empty()) continue;
      users.push_back(to_ordinal(u));
      for (const MarkEntry& e : entries) reach(ends, e.key);
      encode_pairs(entries, by_user);
    }
    base::Encoder out;
    out.u8(kImageFormat);
    out.i64(half_life_us_);
    out.varint(users.empty() ? 0 : to_index(users.back()) + std::uint64_t{1});
    for (const std::uint64_t end : ends) out.varint(end);
    index::encode_ordinals(users, out);
    out.raw(by_user.str());
    return out.take();
  }

 private:
  base::EpochPin pin_;  // first: it keeps the state, should clear() retire it, and the versions of its users
  const State& state_;
  std::int64_t half_life_us_;
  std::uint32_t user_end_;
  base::Captures<MarkTable::Capture>::Capture changed_;
};

std::unique_ptr<WeightState::Capture> WeightState::capture() const {
  return std::make_unique<StateCapture>(*state_.load(std::memory_order_relaxed));
}

Status WeightState::restore(std::string_view image, const ImageLimits& limits) {
  base::Decoder in(image);
  if (const std::uint8_t format = in.u8(); format != kImageFormat) return corrupt("format " + std::to_string(format));
  auto next = std::make_unique<State>();
  const std::int64_t half_life_us = in.i64();
  if (half_life_us <= 0) return corrupt("half-life " + std::to_string(half_life_us));
  next->half_life_us.store(half_life_us, std::memory_order_relaxed);  // published by the exchange below
  const std::uint64_t user_end = in.varint();
  Ends ends{};
  for (std::uint64_t& end : ends) end = in.varint();
  const auto beyond = [&](EntityKind kind, std::uint64_t end) {
    return end > to_index(Ordinal::None) ||
           (end > 0 && !limits.is_known(kind, to_ordinal(static_cast<std::uint32_t>(end - 1))));
  };
  if (beyond(EntityKind::User, user_end)) return corrupt("unknown user " + std::to_string(user_end - 1));
  if (beyond(EntityKind::Creator, ends[0])) return corrupt("unknown creator " + std::to_string(ends[0] - 1));
  if (beyond(EntityKind::Item, ends[1])) return corrupt("unknown item " + std::to_string(ends[1] - 1));

  Ends reached{};
  const std::vector<Ordinal> users = index::decode_ordinals(in, static_cast<std::uint32_t>(user_end));
  for (const Ordinal u : users) {
    const std::vector<MarkEntry> entries = decode_pairs(in, ends);
    if (!in.ok()) return corrupt("malformed user " + std::to_string(to_index(u)));
    for (const MarkEntry& e : entries) reach(reached, e.key);
    next->grow_to(u).assign(entries);
  }
  if (!in.ok()) return corrupt("truncated");
  const std::uint64_t user_reach = users.empty() ? 0 : to_index(users.back()) + std::uint64_t{1};
  if (user_reach != user_end || reached != ends) return corrupt("wrong ends");
  if (!in.at_end()) return corrupt(std::to_string(in.rest().size()) + " bytes after its end");
  base::retire(state_.exchange(next.release(), std::memory_order_acq_rel));  // pairs with the readers' acquire
  return {};
}

}  // namespace tidal::relationship
