// What Preferences consists of. Included by its own sources only.
//
// A block: its header, then the preference, then the interest vectors by slot, each as floats or halves (R6).
// B1: a block is read and changed under its sequence lock (atomic_access.h); how many interests it has never changes.
// B2: a block that was there at a capture never changes again: the writer counts captures and replaces blocks of an
//     earlier count.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include "base/captures.h"
#include "base/chunked_array.h"
#include "base/epoch.h"
#include "base/vector_math.h"
#include "signal/atomic_access.h"
#include "signal/decay.h"
#include "signal/preference.h"

namespace tidal::signal {

/// How vectors of a size are kept (R6).
struct VectorLayout {
  std::uint32_t size = 0;

  [[nodiscard]] bool is_halves() const { return size > kFloatDimensionsMax; }
  [[nodiscard]] std::size_t bytes() const { return size * (is_halves() ? sizeof(std::uint16_t) : sizeof(float)); }
  /// From one vector of a block to the next: whole words.
  [[nodiscard]] std::size_t stride() const { return (bytes() + 7) / 8 * 8; }
  [[nodiscard]] std::span<const std::uint16_t> halves(const std::byte* at) const {
    return {reinterpret_cast<const std::uint16_t*>(at), size};
  }
  [[nodiscard]] std::span<const float> floats(const std::byte* at) const {
    return {reinterpret_cast<const float*>(at), size};
  }
  void load(const std::byte* at, std::span<float> out) const {
    if (is_halves()) {
      base::from_halves(halves(at), out);
    } else {
      std::ranges::copy(floats(at), out.begin());
    }
  }
  void store(std::span<const float> v, std::byte* at) const {
    if (is_halves()) {
      base::to_halves(v, {reinterpret_cast<std::uint16_t*>(at), size});
    } else {
      std::ranges::copy(v, reinterpret_cast<float*>(at));
    }
  }
  [[nodiscard]] float dot(const std::byte* at, std::span<const float> v) const {
    return is_halves() ? base::dot_halves(halves(at), v) : base::dot(floats(at), v);
  }
};

/// Vectors as they are kept, one every stride.
using StoredVectors = std::vector<std::uint64_t>;
inline std::byte* bytes_of(StoredVectors& vectors) { return reinterpret_cast<std::byte*>(vectors.data()); }

/// One user's state. Lines of its own: a block is read from its beginning to its end.
struct alignas(64) PreferenceBlock {
  std::uint32_t sequence = 0;
  std::uint32_t generation = 0;  ///< captures there were when it was made
  std::uint32_t positives = 0;
  std::uint32_t interests = 0;
  std::array<DecayedScore, kInterestsMax> weights{};  // by slot

  [[nodiscard]] static std::size_t bytes(VectorLayout layout, std::size_t interests) {
    return sizeof(PreferenceBlock) + (1 + interests) * layout.stride();
  }
  [[nodiscard]] static PreferenceBlock* make(VectorLayout layout, std::size_t interests) {
    void* memory = ::operator new (bytes(layout, interests), std::align_val_t{alignof(PreferenceBlock)});
    auto* block = new (memory) PreferenceBlock;
    block->interests = static_cast<std::uint32_t>(interests);
    std::memset(block->whole(), 0, bytes(layout, interests) - sizeof(PreferenceBlock));
    return block;
  }
  static void free(void* block) { ::operator delete (block, std::align_val_t{alignof(PreferenceBlock)}); }

  [[nodiscard]] const std::byte* whole() const { return reinterpret_cast<const std::byte*>(this + 1); }
  [[nodiscard]] std::byte* whole() { return reinterpret_cast<std::byte*>(this + 1); }
  [[nodiscard]] const std::byte* interest(VectorLayout layout, std::size_t slot) const {
    return whole() + (1 + slot) * layout.stride();
  }
  [[nodiscard]] std::byte* interest(VectorLayout layout, std::size_t slot) {
    return whole() + (1 + slot) * layout.stride();
  }

  using Weights = std::array<DecayedScore, kInterestsMax>;
  struct Copy {
    Weights weights{};
    StoredVectors vectors;
  };
  /// Of one moment: the weights, and `count` vectors from `first` on, of which the preference is 0.
  [[nodiscard]] Copy read(VectorLayout layout, std::size_t first, std::size_t count) const {
    Copy out;
    const std::size_t bytes = count * layout.stride();
    out.vectors.resize(bytes / sizeof(std::uint64_t));
    read_consistently(sequence, [&] {
      for (std::size_t slot = 0; slot < interests; ++slot) {
        out.weights[slot] = {load_word(weights[slot].score), load_word(weights[slot].newest_us)};
      }
      load_words(whole() + first * layout.stride(), bytes_of(out.vectors), bytes);
      return true;
    });
    return out;
  }
};
static_assert(sizeof(PreferenceBlock) == 192);

struct Preferences::State {
  using Block = PreferenceBlock;

  base::ChunkedArray<std::atomic<Block*>> blocks;    // by user; null: no preference
  mutable base::Captures<const Block*> past_blocks;  // by ordinal; capturing is a read
  // relaxed, all of these: each is read by itself, or after a block whose publication carries it.
  std::atomic<std::uint32_t> size{0};
  std::atomic<std::uint32_t> user_end{0};
  std::atomic<std::size_t> users{0};
  std::atomic<std::size_t> block_bytes{0};
  // The writer's own.
  mutable std::uint32_t captures = 0;  // B2
  std::uint32_t limit = kInterestsDefault;
  std::vector<float> direction;  // normalise(e)
  std::vector<float> sum;
  StoredVectors next_whole;  // of the user who moves
  StoredVectors next_interest;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (std::uint32_t u = 0; u < user_end.load(std::memory_order_relaxed); ++u) {
      if (Block* block = find(to_ordinal(u))) Block::free(block);
    }
  }

  [[nodiscard]] VectorLayout layout() const { return {size.load(std::memory_order_relaxed)}; }
  /// What is found belongs to the writer: readers only read.
  [[nodiscard]] Block* find(Ordinal user) const {
    const std::atomic<Block*>* place = user == Ordinal::None ? nullptr : blocks.find(to_index(user));
    return place == nullptr ? nullptr : place->load(std::memory_order_acquire);  // pairs with replace()
  }
  void define(std::uint32_t dimensions) {
    size.store(dimensions, std::memory_order_relaxed);
    direction.resize(dimensions);
    sum.resize(dimensions);
    next_whole.resize(layout().stride() / sizeof(std::uint64_t));
    next_interest.resize(next_whole.size());
  }
  /// `after` null: the user has nothing any more.
  void replace(Ordinal user, Block* after) {
    std::atomic<Block*>& place = blocks.at_grown(to_index(user));
    Block* before = place.load(std::memory_order_relaxed);  // the writer's own
    past_blocks.before_change(to_index(user), [before]() -> const Block* { return before; });
    if (to_index(user) >= user_end.load(std::memory_order_relaxed)) {
      user_end.store(to_index(user) + 1, std::memory_order_relaxed);
    }
    count(before, after);
    place.store(after, std::memory_order_release);  // pairs with find(): the block is written
    if (before != nullptr) base::retire(before, Block::free);
  }

 private:
  void count(const Block* before, const Block* after) {
    const auto bytes_of = [this](const Block* block) {
      return block == nullptr ? 0 : Block::bytes(layout(), block->interests);
    };
    const std::size_t bytes = block_bytes.load(std::memory_order_relaxed) + bytes_of(after) - bytes_of(before);
    block_bytes.store(bytes, std::memory_order_relaxed);
    const std::size_t now = users.load(std::memory_order_relaxed) + (after != nullptr) - (before != nullptr);
    users.store(now, std::memory_order_relaxed);
  }
};

}  // namespace tidal::signal
