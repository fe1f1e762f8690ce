// Capturing and restoring histories, and telling them fact by fact.
//
// Image: format u8 = 1, seqno u64. All else is in the store.
#include <algorithm>
#include <array>
#include <utility>

#include "base/coding.h"
#include "signal/rollups_state.h"

namespace tidal::signal {
namespace {

constexpr std::uint8_t kImageFormat = 1;

Error corrupt(const std::string& what) { return Error(Code::Corruption, "image of the rollups: " + what); }

}  // namespace

class Rollups::StateCapture final : public Rollups::Capture {
 public:
  StateCapture(State& state, SeqNo seqno) : state_(state), detached_{.seqno = seqno} {}
  ~StateCapture() override {
    const base::MutexLock lock(state_.mutex);
    std::erase(state_.captures, &detached_);
  }
  StateCapture(const StateCapture&) = delete;
  StateCapture& operator=(const StateCapture&) = delete;

  [[nodiscard]] Status write(std::string& out) const override {
    TIDAL_TRY(state_.flush(detached_));
    base::Encoder image;
    image.u8(kImageFormat);
    image.u64(detached_.seqno.value);
    out += image.str();
    return {};
  }
  [[nodiscard]] State::Detached* detached() { return &detached_; }

 private:
  State& state_;
  State::Detached detached_;
};

std::unique_ptr<Rollups::Capture> Rollups::capture(SeqNo seqno) {
  auto capture = std::make_unique<StateCapture>(*state_, seqno);
  const base::MutexLock lock(state_->mutex);
  if (!state_->current->empty()) {
    state_->frozen.push_back({seqno, std::exchange(state_->current, std::make_shared<RollupLayer>())});
  }
  state_->captured_through = seqno;
  state_->captures.push_back(capture->detached());
  return capture;
}

Status Rollups::restore(std::string_view image, SeqNo taken_at) {
  reset();
  base::Decoder in(image);
  const std::uint8_t format = in.u8();
  const SeqNo seqno{in.u64()};
  if (!in.ok() || !in.at_end() || format != kImageFormat) return corrupt("it is cut short or of another format");
  if (seqno != taken_at) {
    return corrupt("it is of seqno " + std::to_string(seqno.value) + ", expected " + std::to_string(taken_at.value));
  }
  const StorePointer kv = state_->store_in_use();
  TIDAL_TRY_ASSIGN(const std::unique_ptr<storage::Snapshot> store, kv->snapshot());
  TIDAL_TRY_ASSIGN(const SeqNo merged, merged_through(*store));
  const SeqNo stored = kv->seqno();
  if (stored < seqno) {
    return Error(Code::Corruption, "the store of the rollups is at seqno " + std::to_string(stored.value) +
                                       ", behind their image at " + std::to_string(seqno.value));
  }
  if (merged != stored) {
    return Error(Code::Corruption, "the store of the rollups is at seqno " + std::to_string(stored.value) +
                                       ", but its marker says " + std::to_string(merged.value));
  }
  return {};
}

void Rollups::reset() {
  const base::MutexLock no_flush(state_->flush_mutex);
  std::vector<FrozenLayer> frozen;
  auto current = std::make_shared<RollupLayer>();
  {
    const base::MutexLock lock(state_->mutex);
    for (State::Detached* capture : state_->captures) capture->cancelled = true;
    state_->captures.clear();
    frozen.swap(state_->frozen);
    current.swap(state_->current);
    state_->captured_through = SeqNo{};
    state_->held.reset();
  }
}

Status Rollups::for_each_fact(const std::function<void(const RollupFact&)>& visit) const {
  std::vector<FrozenLayer> frozen;
  LayerPointer current;
  StorePointer kv;
  {
    const base::MutexLock lock(state_->mutex);
    frozen = state_->frozen;
    current = state_->current;
    kv = state_->store;
  }
  TIDAL_TRY_ASSIGN(const std::unique_ptr<storage::Snapshot> store, kv->snapshot());  // H3, as series()
  TIDAL_TRY_ASSIGN(const SeqNo merged, merged_through(*store));
  std::vector<LayerPointer> layers;
  for (const FrozenLayer& layer : frozen) {
    if (layer.through > merged) layers.push_back(layer.layer);
  }
  layers.push_back(current);
  const FoldedLayers folded(layers);

  const auto tell = [&](const BlockRef& ref, const RollupBlock& block) {
    for (std::size_t i = 0; i < block.size(); ++i) {
      if (block[i].count == 0) continue;
      const std::int64_t bucket = ref.block * buckets_a_block(ref.step) + static_cast<std::int64_t>(i);
      visit({parts_of(ref.series), ref.step, bucket, block[i]});
    }
  };
  std::array<std::vector<bool>, kRollupSteps> told;  // by the first line of a block
  for (std::vector<bool>& of_step : told) of_step.resize(folded.size());
  Status failed;
  TIDAL_TRY(store->scan({}, [&](std::string_view key, std::string_view bytes) {
    if (key == kRollupMarker) return true;
    const Result<BlockRef> ref = decode_block_key(key);
    if (!ref.ok()) {
      failed = ref.error();
      return false;
    }
    if (folded.erases(ref->series)) return true;
    Result<RollupBlock> block = decode_block(ref->step, bytes);
    if (!block.ok()) {
      failed = block.error();
      return false;
    }
    const std::size_t first = folded.find(*ref);
    if (folded.add_to(first, *ref, *block) != first) told[static_cast<std::size_t>(ref->step)][first] = true;
    tell(*ref, *block);
    return true;
  }));
  TIDAL_TRY(std::move(failed));
  for (const RollupStep step : {RollupStep::Hour, RollupStep::Day}) {
    for (std::size_t i = 0; i < folded.size();) {
      const BlockRef ref = folded.block_at(i, step);
      RollupBlock block{};
      const std::size_t first = std::exchange(i, folded.add_to(i, ref, block));
      if (!told[static_cast<std::size_t>(step)][first]) tell(ref, block);
    }
  }
  return {};
}

}  // namespace tidal::signal
