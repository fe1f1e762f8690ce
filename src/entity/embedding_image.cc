// Capturing, writing and restoring embeddings.
//
// Image: format u8; slots with vectors, as count and, by position: position, size, storage u8, end, count and
// (ordinal, stored numbers)*; then contributions as count and, when there are some, the creators' end, (item, creator)*
// and for every creator named its sum, ascending. Ordinals in ascending order are written as differences, integers as
// varints. The number of items of a sum is that of its contributions.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/epoch.h"
#include "entity/embedding_state.h"
#include "entity/embedding_store.h"

namespace tidal::entity {
namespace {

constexpr std::uint8_t kImageFormat = 1;

using Stored = VectorColumn::Stored;
using Limits = EmbeddingStore::ImageLimits;

Error corrupt(std::string what) { return Error(Code::Corruption, "embeddings image: " + std::move(what)); }

/// Ascending ordinals as differences.
class AscendingWriter {
 public:
  explicit AscendingWriter(base::Encoder& out) : out_(out) {}
  void write(std::uint32_t i) {
    out_.varint(i - before_);
    before_ = i;
  }

 private:
  base::Encoder& out_;
  std::uint32_t before_ = 0;
};

/// Fails `in` on what is not strictly ascending or not below `end`.
class AscendingReader {
 public:
  AscendingReader(base::Decoder& in, std::uint64_t end) : in_(in), end_(end) {}
  [[nodiscard]] std::uint32_t read() {
    const std::uint64_t gap = in_.varint();
    if (gap >= end_ || before_ + gap >= end_ || (!first_ && gap == 0)) {
      in_.fail();
      return 0;
    }
    first_ = false;
    before_ += gap;
    return static_cast<std::uint32_t>(before_);
  }

 private:
  base::Decoder& in_;
  std::uint64_t end_;
  std::uint64_t before_ = 0;
  bool first_ = true;
};

/// Whether some ordinal below `end` can be none of the kind's.
bool is_beyond(const Limits& limits, EntityKind kind, std::uint64_t end) {
  return end > to_index(Ordinal::None) ||
         (end > 0 && !limits.is_known(kind, to_ordinal(static_cast<std::uint32_t>(end - 1))));
}

void encode_column(const std::vector<Stored>& blocks, VectorShape shape, base::Encoder& out) {
  std::uint32_t end = 0;
  std::uint64_t count = 0;
  for (std::uint32_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i] == nullptr) continue;
    end = i + 1;
    ++count;
  }
  out.varint(shape.size);
  out.u8(static_cast<std::uint8_t>(shape.storage));
  out.varint(end);
  out.varint(count);
  AscendingWriter ordinals(out);
  for (std::uint32_t i = 0; i < end; ++i) {
    if (blocks[i] == nullptr) continue;
    ordinals.write(i);
    out.raw({reinterpret_cast<const char*>(blocks[i]), shape.bytes()});
  }
}

/// Of what follows the slot's position. `column` has the schema's shape.
Status decode_column(base::Decoder& in, EntityKind kind, const Limits& limits, VectorColumn& column) {
  const VectorShape shape = column.shape();
  if (in.varint() != shape.size || in.u8() != static_cast<std::uint8_t>(shape.storage)) {
    return corrupt("vectors of another shape than the schema's");
  }
  const std::uint64_t end = in.varint();
  if (is_beyond(limits, kind, end)) {
    return corrupt("unknown " + std::string(kind_name(kind)) + " " + std::to_string(end - 1));
  }
  const std::uint64_t count = in.varint();
  AscendingReader ordinals(in, end);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const Ordinal o = to_ordinal(ordinals.read());
    const std::string_view bytes = in.raw(shape.bytes());
    VectorColumn::OwnedBlock block = in.ok() ? column.block_of_stored(bytes) : nullptr;
    if (block == nullptr) in.fail();
    if (block != nullptr) column.set(o, std::move(block));
  }
  if (!in.ok() || count == 0) return corrupt("malformed vectors");
  return {};
}

}  // namespace

class EmbeddingStore::StateCapture final : public EmbeddingStore::Capture {
 public:
  explicit StateCapture(const State& state)
      : contributes_to_(state.contributes_to.capture()), sums_(state.sums.capture()) {
    const std::uint32_t end = state.slot_end.load(std::memory_order_relaxed);
    slots_.reserve(end);
    for (std::uint32_t s = 0; s < end; ++s) {
      slots_.push_back({state.slots[s].vectors.shape(), state.slots[s].vectors.capture()});
    }
  }

  [[nodiscard]] std::string encode() const override {
    base::Encoder columns;
    AscendingWriter positions(columns);
    std::uint64_t used = 0;
    for (std::uint32_t s = 0; s < slots_.size(); ++s) {
      const std::vector<Stored> blocks = slots_[s].vectors.copy();
      if (std::ranges::all_of(blocks, [](Stored stored) { return stored == nullptr; })) continue;
      ++used;
      positions.write(s);
      encode_column(blocks, slots_[s].shape, columns);
    }
    base::Encoder out;
    out.u8(kImageFormat);
    out.varint(used);
    out.raw(columns.str());
    columns.clear();
    encode_catalogue(out);
    return out.take();
  }

 private:
  struct SlotPast {
    VectorShape shape;
    VectorColumn::Past vectors;
  };

  void encode_catalogue(base::Encoder& out) const {
    const std::vector<std::uint32_t> creators = contributes_to_.copy();  // + 1; 0: none
    std::uint64_t count = 0;
    std::uint32_t creator_end = 0;
    for (const std::uint32_t word : creators) {
      count += word == 0 ? 0 : 1;
      creator_end = std::max(creator_end, word);
    }
    out.varint(count);
    if (count == 0) return;
    out.varint(creator_end);
    AscendingWriter items(out);
    for (std::uint32_t i = 0; i < creators.size(); ++i) {
      if (creators[i] == 0) continue;
      items.write(i);
      out.varint(creators[i] - 1);
    }
    for (std::uint32_t c = 0; c < creator_end; ++c) {
      for (const double dimension : sums_.total(to_ordinal(c)).sum) out.f64(dimension);
    }
  }

  base::EpochPin pin_;  // first: it keeps the state, should clear() retire it, and the vectors
  base::WordColumn<std::uint32_t>::Past contributes_to_;
  CatalogueSums::Past sums_;
  std::vector<SlotPast> slots_;
};

std::unique_ptr<EmbeddingStore::Capture> EmbeddingStore::capture() const {
  return std::make_unique<StateCapture>(*state_.load(std::memory_order_relaxed));
}

Status EmbeddingStore::State::read_catalogue(base::Decoder& in, const ImageLimits& limits) {
  const std::uint64_t count = in.varint();
  if (count == 0) return {};
  const Slot* followed = preference_slot();
  if (followed == nullptr) return corrupt("a catalogue without a slot that preferences follow");
  const std::uint64_t creator_end = in.varint();
  if (is_beyond(limits, EntityKind::Creator, creator_end)) {
    return corrupt("unknown creator " + std::to_string(creator_end - 1));
  }
  if (count > followed->vectors.count()) return corrupt("more contributions than vectors");
  std::vector<std::uint32_t> items_of(creator_end);
  AscendingReader items(in, followed->vectors.end());
  for (std::uint64_t i = 0; i < count; ++i) {
    const Ordinal item = to_ordinal(items.read());
    const std::uint64_t creator = in.varint();
    if (!in.ok() || creator >= creator_end || followed->vectors.find(item) == nullptr) {
      return corrupt("a contribution of no item with a vector, or to no creator");
    }
    ++items_of[creator];
    set_creator(item, to_ordinal(static_cast<std::uint32_t>(creator)));
  }
  std::vector<double> sum(sums.size());
  for (std::uint32_t c = 0; c < creator_end; ++c) {
    if (items_of[c] == 0) continue;
    for (double& dimension : sum) {
      dimension = in.f64();
      if (!std::isfinite(dimension)) in.fail();
    }
    if (!in.ok()) return corrupt("malformed sum of creator " + std::to_string(c));
    sums.assign(to_ordinal(c), items_of[c], sum);
  }
  return {};
}

Status EmbeddingStore::restore(std::string_view image, const ImageLimits& limits) {
  base::Decoder in(image);
  if (const std::uint8_t format = in.u8(); format != kImageFormat) return corrupt("format " + std::to_string(format));
  auto next = std::make_unique<State>();
  next->declare(limits.slots);
  const std::uint64_t used = in.varint();
  AscendingReader positions(in, limits.slots.size());
  for (std::uint64_t i = 0; i < used; ++i) {
    const std::uint32_t position = positions.read();
    if (!in.ok()) return corrupt("unknown slot, or cut short");
    Slot& slot = next->slots[position];
    TIDAL_TRY(decode_column(in, slot.kind, limits, slot.vectors));
  }
  TIDAL_TRY(next->read_catalogue(in, limits));
  if (!in.ok()) return corrupt("truncated");
  if (!in.at_end()) return corrupt(std::to_string(in.rest().size()) + " bytes after its end");
  base::retire(state_.exchange(next.release(), std::memory_order_acq_rel));  // pairs with the readers' acquire
  return {};
}

}  // namespace tidal::entity
