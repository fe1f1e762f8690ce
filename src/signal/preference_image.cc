// The image of preferences and their facts for the digest.
//
// Image: format u8 = 1; limit u8; dimensions, end of user ordinals, varints; users with a preference as differences
// (ordinal_list.h), then each: positive moves varint, interests u8, their weights (score f64, newest i64), the
// preference and the interest vectors by slot, as they are kept: floats or halves.
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "index/ordinal_list.h"
#include "signal/preference_tables.h"

namespace tidal::signal {
namespace {

using Block = PreferenceBlock;

constexpr std::uint8_t kImageFormat = 1;
/// How far rounding to halves may take a squared norm from 1: 2^-10 by their mantissas, and for many small elements
/// 2^-24 each by their subnormals.
constexpr double kSquaredNormError = 0.01;

Error corrupt(std::string what) { return Error(Code::Corruption, "preference image: " + std::move(what)); }

std::string_view bytes_at(const std::byte* at, std::size_t count) { return {reinterpret_cast<const char*>(at), count}; }

void encode_block(const Block& block, VectorLayout layout, base::Encoder& out) {
  out.varint(block.positives);
  out.u8(static_cast<std::uint8_t>(block.interests));
  for (std::size_t slot = 0; slot < block.interests; ++slot) {
    out.f64(block.weights[slot].score);
    out.i64(block.weights[slot].newest_us);
  }
  for (std::size_t i = 0; i <= block.interests; ++i) {
    out.raw(bytes_at(block.whole() + i * layout.stride(), layout.bytes()));
  }
}

/// nullptr, and `in` failed, on anything that no block can be. `sum` is of the layout's size.
Block* decode_block(base::Decoder& in, VectorLayout layout, std::span<float> sum) {
  const std::uint64_t positives = in.varint();
  const std::uint8_t interests = in.u8();
  if (positives == 0 || positives > std::numeric_limits<std::uint32_t>::max() || interests > kInterestsMax) in.fail();
  if (!in.ok()) return nullptr;
  std::array<DecayedScore, kInterestsMax> weights{};
  for (std::size_t slot = 0; slot < interests; ++slot) {
    weights[slot].score = in.f64();
    weights[slot].newest_us = in.i64();
    if (!(weights[slot].score >= 0 && weights[slot].score <= std::numeric_limits<double>::max())) in.fail();
  }
  const std::string_view vectors = in.raw((1 + std::uint64_t{interests}) * layout.bytes());
  if (!in.ok()) return nullptr;
  Block* block = Block::make(layout, interests);
  block->positives = static_cast<std::uint32_t>(positives);
  block->weights = weights;
  for (std::size_t i = 0; i <= interests; ++i) {
    std::byte* vector = block->whole() + i * layout.stride();
    std::memcpy(vector, vectors.data() + i * layout.bytes(), layout.bytes());
    layout.load(vector, sum);
    if (std::abs(base::squared_norm(sum) - 1.0) <= kSquaredNormError) continue;  // false for NaN
    Block::free(block);
    in.fail();
    return nullptr;
  }
  return block;
}

}  // namespace

class Preferences::StateCapture final : public Preferences::Capture {
 public:
  explicit StateCapture(const State& state)
      : state_(state),
        limit_(state.limit),
        layout_(state.layout()),
        user_end_(state.user_end.load(std::memory_order_relaxed)),
        changed_(state.past_blocks.begin()) {
    ++state.captures;
  }

  [[nodiscard]] std::string encode() const override {
    std::vector<Ordinal> users;
    base::Encoder by_user;
    for (std::uint32_t u = 0; u < user_end_; ++u) {
      const Block* block = state_.find(to_ordinal(u));           // if it is of the moment, it stays as it is (B2)
      if (const auto saved = changed_.saved(u)) block = *saved;  // S1: after the look at the live user
      if (block == nullptr) continue;
      users.push_back(to_ordinal(u));
      encode_block(*block, layout_, by_user);
    }
    base::Encoder out;
    out.u8(kImageFormat);
    out.u8(static_cast<std::uint8_t>(limit_));
    out.varint(layout_.size);
    out.varint(users.empty() ? 0 : to_index(users.back()) + std::uint64_t{1});
    index::encode_ordinals(users, out);
    out.raw(by_user.str());
    return out.take();
  }

 private:
  base::EpochPin pin_;  // first: it keeps the state, should clear() retire it, and the blocks of its users
  const State& state_;
  std::uint32_t limit_;
  VectorLayout layout_;
  std::uint32_t user_end_;
  base::Captures<const Block*>::Capture changed_;
};

std::unique_ptr<Preferences::Capture> Preferences::capture() const {
  return std::make_unique<StateCapture>(*state_.load(std::memory_order_relaxed));
}

Status Preferences::restore(std::string_view image, const ImageLimits& limits) {
  base::Decoder in(image);
  if (const std::uint8_t format = in.u8(); format != kImageFormat) return corrupt("format " + std::to_string(format));
  auto next = std::make_unique<State>();
  next->limit = in.u8();
  if (next->limit > kInterestsMax) return corrupt("a limit of " + std::to_string(next->limit));
  const std::uint64_t size = in.varint();
  if (size != 0 && size != limits.size) {
    return corrupt(std::to_string(size) + " dimensions, the slot has " + std::to_string(limits.size));
  }
  next->define(static_cast<std::uint32_t>(size));
  const std::uint64_t user_end = in.varint();
  if (user_end > to_index(Ordinal::None) || (user_end > 0 && size == 0)) return corrupt("users beyond their end");
  if (user_end > 0 && !limits.is_known_user(to_ordinal(static_cast<std::uint32_t>(user_end - 1)))) {
    return corrupt("unknown user " + std::to_string(user_end - 1));
  }
  for (const Ordinal user : index::decode_ordinals(in, static_cast<std::uint32_t>(user_end))) {
    Block* block = decode_block(in, next->layout(), next->sum);
    if (block == nullptr) return corrupt("malformed user " + std::to_string(to_index(user)));
    next->replace(user, block);
  }
  if (!in.ok()) return corrupt("truncated");
  if (!in.at_end()) return corrupt(std::to_string(in.rest().size()) + " bytes after its end");
  base::retire(state_.exchange(next.release(), std::memory_order_acq_rel));  // pairs with the readers' acquire
  return {};
}

void Preferences::for_each_fact(const std::function<void(const PreferenceFact&)>& visit) const {
  using Type = PreferenceFact::Type;
  const State& state = *state_.load(std::memory_order_relaxed);
  const VectorLayout layout = state.layout();
  if (layout.size != 0) visit({.type = Type::Dimensions, .number = layout.size});
  if (state.limit != kInterestsDefault) visit({.type = Type::Limit, .number = state.limit});
  const std::uint32_t user_end = state.user_end.load(std::memory_order_relaxed);
  for (std::uint32_t u = 0; u < user_end; ++u) {
    const Ordinal user = to_ordinal(u);
    const Block* block = state.find(user);
    if (block == nullptr) continue;
    visit({.type = Type::Positives, .user = user, .number = block->positives});
    visit({.type = Type::Whole, .user = user, .bytes = bytes_at(block->whole(), layout.bytes())});
    for (std::uint8_t slot = 0; slot < block->interests; ++slot) {
      const DecayedScore& weight = block->weights[slot];
      visit({.type = Type::Interest,
             .user = user,
             .slot = slot,
             .bytes = bytes_at(block->interest(layout, slot), layout.bytes())});
      visit({.type = Type::Weight, .user = user, .slot = slot, .number = std::bit_cast<std::int64_t>(weight.score)});
      visit({.type = Type::Newest, .user = user, .slot = slot, .number = weight.newest_us});
    }
  }
}

}  // namespace tidal::signal
