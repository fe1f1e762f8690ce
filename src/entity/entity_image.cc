// Capturing, writing and restoring the entities, and telling them fact by fact.
#include "entity/entity_image.h"

#include <algorithm>

#include "base/coding.h"
#include "entity/entity_state.h"
#include "storage/keys.h"

namespace tidal::entity {
namespace {

constexpr std::uint8_t kLive = 1;
constexpr std::uint8_t kOpen = 2;
constexpr std::uint8_t kHasCreatedAt = 4;
constexpr std::uint8_t kHasCreator = 8;
constexpr std::uint16_t kPartitions = 4096;
constexpr std::uint32_t kLinesPerLock = 1024;  // about 10 us of holding the writer up
constexpr EntityKind kKinds[] = {EntityKind::Item, EntityKind::User, EntityKind::Creator};

void encode_facts(base::Encoder& out, const EntityFacts& facts) {
  const bool has_creator = facts.creator != Ordinal::None;
  out.u8(static_cast<std::uint8_t>((facts.live ? kLive : 0) | (facts.open ? kOpen : 0) |
                                   (facts.created_known ? kHasCreatedAt : 0) | (has_creator ? kHasCreator : 0)));
  if (facts.created_known) out.zigzag(facts.created_at.us);
  if (has_creator) out.varint(to_index(facts.creator));
}

EntityFacts decode_facts(base::Decoder& in) {
  EntityFacts facts;
  const std::uint8_t flags = in.u8();
  if ((flags & ~(kLive | kOpen | kHasCreatedAt | kHasCreator)) != 0) in.fail();
  facts.live = (flags & kLive) != 0;
  facts.open = (flags & kOpen) != 0;
  facts.created_known = (flags & kHasCreatedAt) != 0;
  if (facts.created_known) facts.created_at = Timestamp{in.zigzag()};
  if ((flags & kHasCreator) != 0) {
    const std::uint64_t creator = in.varint();
    if (creator >= to_index(Ordinal::None)) in.fail();
    facts.creator = to_ordinal(static_cast<std::uint32_t>(creator));
  }
  return facts;
}

Error damaged(std::string_view what) { return Error(Code::Corruption, "image of the entities: " + std::string(what)); }

Error cancelled_capture() {
  return Error(Code::FailedPrecondition, "image of the entities: the store was reset since it was captured");
}

}  // namespace

EntityCapture::EntityCapture(EntityStore& store, std::unique_ptr<Detached> detached)
    : store_(store), detached_(std::move(detached)) {}

EntityCapture::~EntityCapture() {
  EntityStore::State& state = *store_.state_;
  base::MutexLock lock(state.mutex);
  std::erase(state.captures, detached_.get());
}

Status EntityCapture::write(std::string& out) const {
  EntityStore::State& state = *store_.state_;
  TIDAL_TRY(state.flush(*detached_));
  base::Encoder image;
  image.u64(detached_->seqno.value);
  image.u64(detached_->last_forgotten.value);
  for (const EntityKind kind : kKinds) {
    const KindState& entities = state.of(kind);
    const std::uint32_t count = detached_->counts[static_cast<std::size_t>(kind)];
    image.varint(count);
    for (std::uint32_t first = 0; first < count; first += kLinesPerLock) {
      base::MutexLock lock(state.mutex);
      if (detached_->cancelled) return cancelled_capture();
      const std::uint32_t end = std::min(count, first + kLinesPerLock);
      for (std::uint32_t i = first; i < end; ++i) {
        const Ordinal o = to_ordinal(i);
        const auto forgotten = detached_->forgotten_keys.find(make_ref(kind, o));
        const std::string_view key =
            forgotten != detached_->forgotten_keys.end() ? forgotten->second : entities.keys.key_of(o);
        image.string(key);
        if (key.empty()) image.u16(entities.keys.partition_of(o));
        const auto saved = detached_->overwritten.find(make_ref(kind, o));
        encode_facts(image, saved != detached_->overwritten.end() ? saved->second : entities.lines[i].load());
      }
    }
  }
  out += image.str();
  return {};
}

std::unique_ptr<EntityCapture> EntityStore::capture(SeqNo seqno) {
  auto detached = std::make_unique<EntityCapture::Detached>();
  detached->seqno = seqno;
  base::MutexLock lock(state_->mutex);
  detached->layers_through = state_->overlay.freeze();
  detached->last_forgotten = state_->last_forgotten;
  for (const EntityKind kind : kKinds) {
    detached->counts[static_cast<std::size_t>(kind)] = state_->of(kind).keys.size();
  }
  state_->captures.push_back(detached.get());
  return std::make_unique<EntityCapture>(*this, std::move(detached));
}

Status EntityStore::State::flush(const EntityCapture::Detached& capture) {
  const SeqNo seqno = capture.seqno;
  base::MutexLock one_at_a_time(flush_mutex);
  std::vector<std::shared_ptr<const FieldChanges>> layers;
  bool is_ahead = false;
  {
    base::MutexLock lock(mutex);
    if (capture.cancelled) return cancelled_capture();
    is_ahead = store.seqno() >= seqno;
    if (!is_ahead) {
      layers = overlay.frozen(capture.layers_through);
      ++commits_begun;
    }
  }
  if (is_ahead) return store.flush();

  storage::WriteBatch batch;
  const auto add = [&](EntityRef ref, const FieldChange& change) -> Status {
    std::string key = store_key(ref);
    FieldChange whole = change;
    if (!change.replaces) {
      TIDAL_TRY_ASSIGN(std::optional<std::string> stored, store.get(key));
      TIDAL_TRY_ASSIGN(whole, combine({true, std::move(stored).value_or(std::string())}, change));
    }
    if (whole.fields.empty()) {
      batch.erase(std::move(key));
    } else {
      batch.put(std::move(key), std::move(whole.fields));
    }
    return {};
  };
  const FieldChanges folded = layers.size() == 1 ? FieldChanges() : fold(layers);
  for (const auto& [ref, change] : layers.size() == 1 ? *layers.front() : folded) TIDAL_TRY(add(ref, change));
  TIDAL_TRY(store.commit(batch, seqno));
  TIDAL_TRY(store.flush());
  // Destroyed outside the lock: a million small strings take a while.
  std::vector<std::shared_ptr<const FieldChanges>> dropped;
  base::MutexLock lock(mutex);
  dropped = overlay.drop(capture.layers_through);
  return {};
}

Status EntityStore::restore(std::string_view image, SeqNo taken_at) {
  reset();
  base::Decoder in(image);
  const SeqNo seqno{in.u64()};
  if (seqno != taken_at) {
    return damaged("it is of seqno " + std::to_string(seqno.value) + ", expected " + std::to_string(taken_at.value));
  }
  base::MutexLock lock(state_->mutex);
  state_->last_forgotten = SeqNo{in.u64()};
  if (state_->last_forgotten > seqno) return damaged("a key was forgotten after it was taken");
  for (const EntityKind kind : kKinds) {
    const std::uint64_t count = in.varint();
    for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
      const std::string_view key = in.string();
      const std::uint16_t partition = key.empty() ? in.u16() : std::uint16_t{0};
      const EntityFacts facts = decode_facts(in);
      if (!in.ok()) break;
      if (key.empty() && (kind != EntityKind::User || partition >= kPartitions || facts != EntityFacts{})) {
        return damaged("a forgotten key that is no user's, or of somebody alive");
      }
      const Ordinal o = key.empty() ? assign_forgotten(kind, partition) : assign(kind, key);
      if (to_index(o) != i) return damaged("a key is too long or there twice");
      state_->set_facts(kind, o, facts);
    }
  }
  if (!in.ok() || !in.at_end()) return damaged("it is cut short, has bytes left over or a bad entity");
  const std::uint32_t creators = ordinal_count(EntityKind::Creator);
  for (std::uint32_t i = 0; i < ordinal_count(EntityKind::Item); ++i) {
    const Ordinal creator = creator_of(to_ordinal(i));
    if (creator != Ordinal::None && to_index(creator) >= creators) return damaged("an item names an unknown creator");
  }
  if (const SeqNo stored = state_->store.seqno(); stored < seqno) {
    return Error(Code::Corruption, "the store of the entities is at seqno " + std::to_string(stored.value) +
                                       ", behind their image at " + std::to_string(seqno.value));
  }
  return {};
}

void EntityStore::reset() {
  base::MutexLock lock(state_->mutex);
  for (EntityCapture::Detached* capture : state_->captures) capture->cancelled = true;
  state_->captures.clear();
  for (KindState& kind : state_->kinds) {
    kind.keys.clear();
    kind.lines.clear();
    kind.live.store(0, std::memory_order_relaxed);
  }
  state_->overlay = FieldOverlay();
  state_->last_forgotten = {};
}

Status EntityStore::for_each_fact(
    const std::function<void(std::string_view name, std::string_view value)>& visit) const {
  const auto name_of = [&](EntityRef ref, std::string_view aspect) {
    base::Encoder name;
    name.u8(static_cast<std::uint8_t>(kind_of(ref)));
    name.string(key_of(kind_of(ref), ordinal_of(ref)));
    name.raw(aspect);
    return name.take();
  };
  std::uint64_t forgotten = 0;
  for (const EntityKind kind : kKinds) {
    for (std::uint32_t i = 0; i < ordinal_count(kind); ++i) {
      if (key_of(kind, to_ordinal(i)).empty()) {
        ++forgotten;
        continue;
      }
      const EntityFacts facts = state_->of(kind).lines[i].load();
      base::Encoder value;
      value.u8(static_cast<std::uint8_t>((facts.live ? kLive : 0) | (facts.open ? kOpen : 0) |
                                         (facts.created_known ? kHasCreatedAt : 0)));
      value.i64(facts.created_known ? facts.created_at.us : 0);
      value.string(key_of(EntityKind::Creator, facts.creator));
      visit(name_of(make_ref(kind, to_ordinal(i)), ""), value.str());
    }
  }
  if (forgotten > 0) {
    base::Encoder value;
    value.u64(forgotten);
    value.u64(last_forgotten().value);
    visit("forgotten", value.str());
  }
  const auto visit_fields = [&](EntityRef ref, std::string_view fields) {
    return for_each_field(
        fields, [&](const EncodedField& field) { visit(name_of(ref, "." + std::string(field.name)), field.value); });
  };
  FieldChanges above;
  {
    base::MutexLock lock(state_->mutex);
    above = state_->overlay.all();
  }
  // After the overlay: what a commit moved in between is then in both, which changes nothing (O1).
  Status failed;
  TIDAL_TRY(state_->store.scan({}, [&](std::string_view bytes, std::string_view stored) {
    const Result<storage::StoreKey> key = storage::decode_key(bytes);
    if (!key.ok() || key->kind >= kEntityKinds) {
      failed = key.ok() ? damaged("the store has a key of an unknown kind") : key.error();
      return false;
    }
    const EntityRef ref = make_ref(static_cast<EntityKind>(key->kind), key->ordinal);
    FieldChange fields{true, std::string(stored)};
    if (const auto it = above.find(ref); it != above.end()) {
      Result<FieldChange> combined = combine(fields, it->second);
      if (!combined.ok()) {
        failed = combined.error();
        return false;
      }
      fields = std::move(combined).value();
      above.erase(it);
    }
    failed = visit_fields(ref, fields.fields);
    return failed.ok();
  }));
  TIDAL_TRY(failed);
  for (const auto& [ref, change] : above) {
    TIDAL_TRY_ASSIGN(const std::string fields, merge_fields({}, change.fields, Nulls::Drop));
    TIDAL_TRY(visit_fields(ref, fields));
  }
  return {};
}

}  // namespace tidal::entity
