// Reads and writes of entities in memory, and the fields above the store.
#include "entity/entity_store.h"

#include <algorithm>
#include <array>

#include "entity/entity_state.h"
#include "storage/keys.h"

namespace tidal::entity {
namespace {

constexpr std::uint64_t kTimeBias = std::uint64_t{1} << 63;  // maps the smallest time, which no calendar has, to 0
constexpr std::uint8_t kFieldsTag = 1;

}  // namespace

CreationTime EntityLine::creation() const {
  // relaxed: one word that stands for itself.
  const std::uint64_t word = created.load(std::memory_order_relaxed);
  if (word == 0) return {};
  return {true, Timestamp{static_cast<std::int64_t>(word - kTimeBias)}};
}

Ordinal EntityLine::creator_ordinal() const {
  const std::uint32_t word = creator.load(std::memory_order_relaxed);  // relaxed: as above
  return word == 0 ? Ordinal::None : to_ordinal(word - 1);
}

EntityFacts EntityLine::load() const {
  const std::uint8_t bits = flags.load(std::memory_order_acquire);  // pairs with the release in store()
  const CreationTime time = creation();
  return {(bits & kLive) != 0, (bits & kOpen) != 0, time.known, time.at, creator_ordinal()};
}

void EntityLine::store(const EntityFacts& facts) {
  const std::uint64_t time = static_cast<std::uint64_t>(facts.created_at.us) + kTimeBias;
  created.store(facts.created_known ? time : 0, std::memory_order_relaxed);
  creator.store(facts.creator == Ordinal::None ? 0 : to_index(facts.creator) + 1, std::memory_order_relaxed);
  const int bits = (facts.live ? kLive : 0) | (facts.open ? kOpen : 0);
  flags.store(static_cast<std::uint8_t>(bits), std::memory_order_release);  // pairs with the acquire in load()
}

std::string EntityStore::State::store_key(EntityRef ref) const {
  const EntityKind kind = kind_of(ref);
  return storage::encode_key({.partition = of(kind).keys.partition_of(ordinal_of(ref)),
                              .kind = static_cast<std::uint8_t>(kind),
                              .ordinal = ordinal_of(ref),
                              .tag = kFieldsTag,
                              .suffix = {}});
}

void EntityStore::State::set_facts(EntityKind kind, Ordinal o, const EntityFacts& facts) {
  KindState& state = of(kind);
  EntityLine& line = *state.line(o);
  const EntityFacts old = line.load();
  if (old == facts) return;
  for (EntityCapture::Detached* capture : captures) {
    if (to_index(o) < capture->counts[static_cast<std::size_t>(kind)]) {
      capture->overwritten.try_emplace(make_ref(kind, o), old);
    }
  }
  line.store(facts);
  if (old.live != facts.live) state.live.fetch_add(facts.live ? 1 : ~0U, std::memory_order_relaxed);
}

void EntityStore::State::revive(EntityKind kind, Ordinal o, Timestamp at) {
  const EntityLine* line = of(kind).line(o);
  if (line == nullptr || line->is_live()) return;
  EntityFacts facts;
  facts.live = true;
  facts.created_known = true;
  facts.created_at = at;
  set_facts(kind, o, facts);
}

void EntityStore::State::change_fields(EntityRef ref, FieldChange change, SeqNo seqno) {
  if (seqno <= store.seqno()) return;
  overlay.apply(ref, std::move(change));
}

EntityStore::EntityStore(storage::KeyValueStore& store) : state_(std::make_unique<State>(store)) {}
EntityStore::~EntityStore() = default;

Ordinal EntityStore::find(EntityKind kind, std::string_view key) const { return state_->of(kind).keys.find(key); }

void EntityStore::find_all(std::span<const KeyToFind> keys) const {
  constexpr std::size_t kTogether = 64;  // at most as many as the caches hold
  std::array<KeyMap::Probe, kTogether> probes;
  for (; !keys.empty(); keys = keys.subspan(std::min(kTogether, keys.size()))) {
    const std::size_t n = std::min(kTogether, keys.size());
    for (std::size_t i = 0; i < n; ++i) probes[i] = state_->of(keys[i].kind).keys.probe(keys[i].key);
    for (std::size_t i = 0; i < n; ++i) state_->of(keys[i].kind).keys.fetch_ref(probes[i]);
    for (std::size_t i = 0; i < n; ++i) state_->of(keys[i].kind).keys.fetch_key(probes[i]);
    for (std::size_t i = 0; i < n; ++i) *keys[i].found = state_->of(keys[i].kind).keys.find(keys[i].key, probes[i]);
  }
}

void EntityStore::prefetch(EntityKind kind, Ordinal o) const {
  if (const EntityLine* line = state_->of(kind).line(o)) __builtin_prefetch(line);
}

Ordinal EntityStore::find_key(EntityKind kind, std::uint16_t partition,
                              const std::function<bool(std::string_view key)>& is_it) const {
  return state_->of(kind).keys.find_if(partition, is_it);
}

std::string_view EntityStore::key_of(EntityKind kind, Ordinal o) const { return state_->of(kind).keys.key_of(o); }

bool EntityStore::is_live(EntityKind kind, Ordinal o) const {
  const EntityLine* line = state_->of(kind).line(o);
  return line != nullptr && line->is_live();
}

std::uint32_t EntityStore::ordinal_count(EntityKind kind) const { return state_->of(kind).keys.size(); }

std::uint32_t EntityStore::live_count(EntityKind kind) const {
  return state_->of(kind).live.load(std::memory_order_relaxed);
}

Ordinal EntityStore::creator_of(Ordinal item) const {
  const EntityLine* line = state_->of(EntityKind::Item).line(item);
  return line == nullptr ? Ordinal::None : line->creator_ordinal();
}

CreationTime EntityStore::created_at(EntityKind kind, Ordinal o) const {
  const EntityLine* line = state_->of(kind).line(o);
  return line == nullptr ? CreationTime{} : line->creation();
}

bool EntityStore::is_open(EntityKind kind, Ordinal o) const {
  const EntityLine* line = state_->of(kind).line(o);
  return line != nullptr && line->is_open();
}

void EntityStore::creation_times(EntityKind kind, std::span<const Ordinal> ordinals, double unknown,
                                 std::span<double> out) const {
  const KindState& state = state_->of(kind);
  const std::uint32_t known = state.keys.size();
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    const std::uint32_t o = to_index(ordinals[i]);
    // relaxed: one word that stands for itself.
    const std::uint64_t word = o < known ? state.lines[o].created.load(std::memory_order_relaxed) : 0;
    out[i] = word == 0 ? unknown : static_cast<double>(static_cast<std::int64_t>(word - kTimeBias));
  }
}

Result<EntityContent> EntityStore::content(EntityKind kind, Ordinal o) const {
  const EntityRef ref = make_ref(kind, o);
  for (;;) {
    EntityFacts facts;
    std::optional<FieldChange> change;
    std::uint64_t commits = 0;
    {
      base::MutexLock lock(state_->mutex);
      const EntityLine* line = state_->of(kind).line(o);
      if (line == nullptr || !line->is_live()) break;
      facts = line->load();
      change = state_->overlay.find(ref);
      commits = state_->commits_begun;
    }
    if (!change || !change->replaces) {
      TIDAL_TRY_ASSIGN(std::optional<std::string> stored, state_->store.get(state_->store_key(ref)));
      {
        base::MutexLock lock(state_->mutex);
        if (commits != state_->commits_begun) continue;
      }
      const FieldChange base{true, std::move(stored).value_or(std::string())};
      if (!change) {
        change = base;
      } else {
        TIDAL_TRY_ASSIGN(change, combine(base, *change));
      }
    }
    EntityContent content;
    if (facts.creator != Ordinal::None) content.creator = std::string(key_of(EntityKind::Creator, facts.creator));
    if (facts.created_known) content.created_at = facts.created_at;
    TIDAL_TRY_ASSIGN(content.fields, decode_fields(change->fields));
    return content;
  }
  return Error(Code::NotFound, std::string(kind_name(kind)) + " " + std::string(key_of(kind, o)) + " does not exist");
}

Ordinal EntityStore::assign(EntityKind kind, std::string_view key) {
  KindState& state = state_->of(kind);
  if (const Ordinal known = state.keys.find(key); known != Ordinal::None) return known;
  static_cast<void>(state.lines.at_grown(state.keys.size()));  // before the key is there to be found
  return state.keys.assign(key);
}

Ordinal EntityStore::assign_forgotten(EntityKind kind, std::uint16_t partition) {
  KindState& state = state_->of(kind);
  static_cast<void>(state.lines.at_grown(state.keys.size()));
  return state.keys.assign_forgotten(partition);
}

void EntityStore::put(EntityKind kind, Ordinal o, const EncodedContent& content, EventStamp stamp) {
  const EntityLine* line = state_->of(kind).line(o);
  Result<std::string> fields = merge_fields({}, content.fields, Nulls::Drop);
  if (line == nullptr || !fields.ok()) return;
  Ordinal creator = Ordinal::None;
  if (kind == EntityKind::Item && content.creator) creator = assign(EntityKind::Creator, *content.creator);

  base::MutexLock lock(state_->mutex);
  EntityFacts facts = line->load();
  if (content.created_at) {
    facts.open = false;
    facts.created_known = true;
    facts.created_at = *content.created_at;
  } else if (!facts.open) {
    facts = EntityFacts{};
    facts.open = true;
  }
  facts.live = true;
  facts.creator = creator;
  state_->revive(EntityKind::Creator, creator, stamp.at);
  state_->set_facts(kind, o, facts);
  state_->change_fields(make_ref(kind, o), {true, std::move(fields).value()}, stamp.seqno);
}

void EntityStore::update(EntityKind kind, Ordinal o, const EncodedContent& content, EventStamp stamp) {
  const EntityLine* line = state_->of(kind).line(o);
  if (line == nullptr || !line->is_live()) return;
  const bool names_creator = kind == EntityKind::Item && content.creator.has_value();
  const Ordinal creator = names_creator ? assign(EntityKind::Creator, *content.creator) : Ordinal::None;

  base::MutexLock lock(state_->mutex);
  EntityFacts facts = line->load();
  if (content.created_at) {
    facts.open = false;
    facts.created_known = true;
    facts.created_at = *content.created_at;
  }
  if (names_creator) {
    facts.creator = creator;
    state_->revive(EntityKind::Creator, creator, stamp.at);
  }
  state_->set_facts(kind, o, facts);
  if (content.fields.empty()) return;
  state_->change_fields(make_ref(kind, o), {false, std::string(content.fields)}, stamp.seqno);
}

void EntityStore::remove(EntityKind kind, Ordinal o, EventStamp stamp) {
  const EntityLine* line = state_->of(kind).line(o);
  if (line == nullptr || !line->is_live()) return;
  base::MutexLock lock(state_->mutex);
  state_->set_facts(kind, o, {});
  state_->change_fields(make_ref(kind, o), {true, {}}, stamp.seqno);
}

void EntityStore::forget(EntityKind kind, Ordinal o, EventStamp stamp) {
  KindState& state = state_->of(kind);
  if (state.line(o) == nullptr) return;
  base::MutexLock lock(state_->mutex);
  for (EntityCapture::Detached* capture : state_->captures) {
    if (to_index(o) < capture->counts[static_cast<std::size_t>(kind)]) {
      capture->forgotten_keys.try_emplace(make_ref(kind, o), state.keys.key_of(o));
    }
  }
  state_->set_facts(kind, o, {});
  state_->change_fields(make_ref(kind, o), {true, {}}, stamp.seqno);
  state.keys.forget(o);
  state_->last_forgotten = stamp.seqno;
}

SeqNo EntityStore::last_forgotten() const {
  base::MutexLock lock(state_->mutex);
  return state_->last_forgotten;
}

void EntityStore::ensure_live(EntityKind kind, Ordinal o, EventStamp stamp) {
  const EntityLine* line = state_->of(kind).line(o);
  if (line == nullptr || line->is_live()) return;
  base::MutexLock lock(state_->mutex);
  state_->revive(kind, o, stamp.at);
}

void EntityStore::note_signal(EntityKind kind, Ordinal o, Timestamp at) {
  const EntityLine* line = state_->of(kind).line(o);
  if (line == nullptr) return;
  EntityFacts facts = line->load();
  if (!facts.live || !facts.open || (facts.created_known && facts.created_at <= at)) return;
  facts.created_known = true;
  facts.created_at = at;
  base::MutexLock lock(state_->mutex);
  state_->set_facts(kind, o, facts);
}

std::size_t EntityStore::memory_bytes() const {
  std::size_t bytes = sizeof(State);
  for (const KindState& kind : state_->kinds) bytes += kind.keys.memory_bytes() + kind.lines.memory_bytes();
  base::MutexLock lock(state_->mutex);
  return bytes + state_->overlay.memory_bytes();
}

std::size_t EntityStore::key_bytes() const {
  std::size_t bytes = 0;
  for (const KindState& kind : state_->kinds) bytes += kind.keys.key_bytes();
  return bytes;
}

}  // namespace tidal::entity
