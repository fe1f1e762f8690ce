// Random histories of vectors, the plain maps they come to, and a world to apply them to.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/vector_math.h"
#include "entity/embedding_mat.h"
#include "entity/embedding_store.h"
#include "entity/entity_record.h"
#include "materializer/view_conformance.h"

namespace tidal::entity {

inline constexpr std::uint32_t kOrdinals = 5;  // of each kind

/// Slots in the order in which a history declares them: two of items that preferences may follow, and one of another
/// kind with the name of one of them.
[[nodiscard]] inline std::vector<EmbeddingDef> slot_pool(bool halves_preferred) {
  const auto def = [](EntityKind kind, std::string name, std::uint32_t size, VectorStorage storage, bool preference) {
    return EmbeddingDef{kind, std::move(name), size, VectorMetric::Dot, storage, preference};
  };
  return {def(EntityKind::Item, "content", 5, VectorStorage::F32, !halves_preferred),
          def(EntityKind::User, "taste", 4, VectorStorage::F32, false),
          def(EntityKind::Item, "look", 3, VectorStorage::F16, halves_preferred),
          def(EntityKind::Creator, "style", 17, VectorStorage::F16, false),
          def(EntityKind::Item, "wide", 20, VectorStorage::F32, false),
          def(EntityKind::User, "content", 2, VectorStorage::F16, false)};
}

/// What the slot keeps of a vector; none when it cannot keep it.
[[nodiscard]] inline std::optional<std::vector<float>> kept(const EmbeddingDef& def, std::vector<float> vector) {
  if (vector.size() != def.size) return std::nullopt;
  if (def.storage == VectorStorage::F32) return vector;
  for (float& v : vector) {
    v = base::from_half(base::to_half(v));
    if (v > 65504 || v < -65504) return std::nullopt;
  }
  return vector;
}

/// What a history came to.
struct EmbeddingModel {
  using Key = std::pair<std::size_t, Ordinal>;  // slot and entity
  std::vector<EmbeddingDef> slots;
  std::map<Key, std::vector<float>> vectors;
  std::map<Ordinal, Ordinal> creators;  // of live items that name one
  std::set<std::pair<EntityKind, Ordinal>> live;

  [[nodiscard]] int preference() const {
    for (std::size_t s = 0; s < slots.size(); ++s) {
      if (slots[s].preference) return static_cast<int>(s);
    }
    return -1;
  }
  void remove(EntityKind kind, Ordinal o) {
    std::erase_if(vectors, [&](const auto& v) { return v.first.second == o && slots[v.first.first].kind == kind; });
    if (kind == EntityKind::Item) creators.erase(o);
    live.erase({kind, o});
  }
  /// Creator -> its contributing items.
  [[nodiscard]] std::map<Ordinal, std::vector<Ordinal>> catalogues() const {
    std::map<Ordinal, std::vector<Ordinal>> out;
    const int followed = preference();
    for (const auto& [item, creator] : creators) {
      if (followed >= 0 && vectors.contains({static_cast<std::size_t>(followed), item})) out[creator].push_back(item);
    }
    return out;
  }
};

/// Events and what they come to.
class EmbeddingStory {
 public:
  explicit EmbeddingStory(std::vector<EmbeddingDef> pool) : pool_(std::move(pool)) {}

  void declare() {
    history.add(wal::RecordType::SchemaChange, Timestamp{});
    model.slots.push_back(pool_[model.slots.size()]);
  }
  [[nodiscard]] bool can_declare() const { return model.slots.size() < pool_.size(); }

  struct Write {
    bool replaces = true;
    EntityKind kind = EntityKind::Item;
    Ordinal entity = Ordinal::None;
    std::optional<Ordinal> creator{};  ///< None: names that there is none
    Embeddings embeddings{};
  };
  void write(const Write& w) {
    EntityContent content;
    if (w.creator) content.creator = *w.creator == Ordinal::None ? "" : "creator " + number(*w.creator);
    content.embeddings = w.embeddings;
    content.fields["title"] = std::string("t");
    auto& event = history.add(w.replaces ? wal::RecordType::PutEntity : wal::RecordType::UpdateEntity, Timestamp{},
                              encode_content(content));
    event.record.subject_kind = w.kind;
    event.ids.subject = w.entity;
    event.ids.is_void = !w.replaces && !model.live.contains({w.kind, w.entity});
    if (event.ids.is_void) return;

    model.live.insert({w.kind, w.entity});
    if (w.kind == EntityKind::Item) {
      if (w.creator || w.replaces) {
        model.creators.erase(w.entity);
        if (w.creator.value_or(Ordinal::None) != Ordinal::None) model.creators[w.entity] = *w.creator;
      }
      if (model.creators.contains(w.entity)) event.ids.creator = model.creators[w.entity];
    }
    for (std::size_t s = 0; s < model.slots.size(); ++s) {
      if (model.slots[s].kind != w.kind) continue;
      const auto named = w.embeddings.find(model.slots[s].name);
      const auto vector = named == w.embeddings.end() ? std::nullopt : kept(model.slots[s], named->second);
      const bool removes = named != w.embeddings.end() && named->second.empty();
      if (vector) {
        model.vectors[{s, w.entity}] = *vector;
      } else if (w.replaces || removes) {
        model.vectors.erase({s, w.entity});
      }
    }
  }
  void remove(EntityKind kind, Ordinal o) {
    auto& event = history.add(wal::RecordType::DeleteEntity, Timestamp{});
    event.record.subject_kind = kind;
    event.ids.subject = o;
    event.ids.is_void = !model.live.contains({kind, o});
    if (kind == EntityKind::Item && model.creators.contains(o)) event.ids.creator = model.creators[o];
    model.remove(kind, o);
  }
  void erase_user(Ordinal user) {
    auto& event = history.add(wal::RecordType::Erase, Timestamp{});
    event.record.subject_kind = EntityKind::User;
    event.ids.subject = user;
    model.remove(EntityKind::User, user);
  }

  materializer::History history;
  EmbeddingModel model;

 private:
  static std::string number(Ordinal o) { return std::to_string(to_index(o)); }
  std::vector<EmbeddingDef> pool_;
};

/// The first n steps of a seed are the same however many follow.
class RandomEmbeddingStory {
 public:
  explicit RandomEmbeddingStory(std::uint64_t seed) : random_(seed), story_(slot_pool(seed % 3 == 0)) {}

  EmbeddingStory run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    return std::move(story_);
  }

 private:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_.below(n)); }
  Ordinal entity() { return to_ordinal(below(kOrdinals)); }
  EntityKind kind() { return below(3) != 0 ? EntityKind::Item : static_cast<EntityKind>(below(3)); }

  float component() {
    switch (below(8)) {
      case 0: return 0.0F;
      case 1: return -0.0F;
      case 2: return static_cast<float>(random_.uniform() * 1e-7);  // a subnormal half, or nothing
      case 3: return static_cast<float>(below(9)) * 0.25F - 1.0F;
      default: return static_cast<float>(random_.uniform() * 2 - 1);
    }
  }
  std::vector<float> vector_for(const EmbeddingDef& def) {
    const std::uint32_t what = below(24);
    if (what < 3) return {};
    std::vector<float> out(what == 3 ? def.size + 1 : def.size);
    for (float& v : out) v = component();
    if (what == 4 && def.storage == VectorStorage::F16) out[0] = 1e6F;
    if (what == 5 && def.storage == VectorStorage::F16) out[0] = -65510.0F;  // rounds to the largest half
    return out;
  }
  Embeddings embeddings(EntityKind kind) {
    Embeddings out;
    for (const EmbeddingDef& def : story_.model.slots) {
      // A slot of another kind is one that this kind does not have, unless it has one of that name.
      if ((def.kind == kind && below(2) == 0) || below(16) == 0) out[def.name] = vector_for(def);
    }
    return out;
  }
  void step() {
    const std::uint32_t what = below(100);
    const EntityKind k = kind();
    if (what < 12 && story_.can_declare()) {
      story_.declare();
    } else if (what < 22) {
      story_.remove(k, entity());
    } else if (what < 26) {
      story_.erase_user(entity());
    } else {
      EmbeddingStory::Write w{.replaces = below(2) == 0, .kind = k, .entity = entity()};
      if (k == EntityKind::Item && below(3) != 0) w.creator = below(6) == 0 ? Ordinal::None : entity();
      w.embeddings = embeddings(k);
      story_.write(w);
      if (below(10) == 0) story_.write(w);
    }
  }

  base::Random random_;
  EmbeddingStory story_;
};

/// A catalog that takes one slot of the pool with every schema change.
class SlotCatalog final : public schema::CurrentSchema {
 public:
  explicit SlotCatalog(std::vector<EmbeddingDef> pool) : pool_(std::move(pool)) {}
  [[nodiscard]] const schema::Schema& current() const override { return schema_; }
  void declare_next() {
    if (schema_.embeddings.size() < pool_.size()) schema_.embeddings.push_back(pool_[schema_.embeddings.size()]);
  }
  void declare_all() { schema_.embeddings = pool_; }

 private:
  std::vector<EmbeddingDef> pool_;
  schema::Schema schema_;
};

class EmbeddingViewWorld final : public materializer::ViewWorld {
 public:
  explicit EmbeddingViewWorld(std::vector<EmbeddingDef> pool) : catalog(std::move(pool)) {}
  materializer::Materializer& view() override { return mat_; }
  void apply_before(const wal::WalEvent& event) override {
    if (event.record.type == wal::RecordType::SchemaChange) catalog.declare_next();
  }
  void apply_all(const materializer::History& history) {
    for (const auto& event : history.events()) apply(event);
  }
  EmbeddingStore store;
  SlotCatalog catalog;

 private:
  materializer::NumberedKeys keys_{kOrdinals};
  EmbeddingMaterializer mat_{store, {catalog, keys_}};
};

}  // namespace tidal::entity
