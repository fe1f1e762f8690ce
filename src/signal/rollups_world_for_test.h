// For tests of histories: a store that can crash and fail, events that own their bytes, and a fold over their list.
//
// Threads: externally synchronized; the hooks run on the thread that calls the store.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.h"
#include "materializer/registry.h"
#include "materializer/view_conformance.h"
#include "schema/catalog.h"
#include "signal/rollups_mat.h"

namespace tidal::signal {

/// What was committed and what of it is durable, apart.
class CrashableStore final : public storage::KeyValueStore {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;
  struct Content {
    Map map;
    SeqNo seqno;
  };
  using Visit = std::function<bool(std::string_view, std::string_view)>;

  std::function<void()> before_commit;
  std::function<void()> after_commit;
  std::function<void()> before_snapshot;
  bool commit_fails = false;
  bool flush_fails = false;
  bool read_fails = false;

  Result<std::optional<std::string>> get(std::string_view key) const override {
    if (read_fails) return Error(Code::IoError, "reads fail");
    return Pinned(committed_).get(key);
  }
  Status scan(std::string_view prefix, const Visit& visit) const override {
    if (read_fails) return Error(Code::IoError, "reads fail");
    return Pinned(committed_).scan(prefix, visit);
  }
  Result<std::unique_ptr<storage::Snapshot>> snapshot() const override {
    if (before_snapshot) before_snapshot();
    return std::unique_ptr<storage::Snapshot>(std::make_unique<Pinned>(committed_));
  }
  Status commit(const storage::WriteBatch& batch, SeqNo seqno) override {
    if (before_commit) before_commit();
    if (commit_fails) return Error(Code::IoError, "commits fail");
    auto next = std::make_shared<Content>(*committed_);
    for (const auto& [key, value] : batch.operations()) {
      if (value) {
        next->map.insert_or_assign(key, *value);
      } else {
        next->map.erase(key);
      }
    }
    next->seqno = seqno;
    committed_ = std::move(next);
    if (after_commit) after_commit();
    return {};
  }
  Status flush() override {
    if (flush_fails) return Error(Code::IoError, "flushes fail");
    durable_ = committed_;
    return {};
  }
  SeqNo seqno() const override { return committed_->seqno; }
  Status clear() override {
    set({});
    return {};
  }
  Status rewrite() override { return {}; }
  Status verify() const override { return {}; }

  /// What was not flushed is there or not, whole (K1).
  void crash(bool keeps_committed) {
    (keeps_committed ? durable_ : committed_) = keeps_committed ? committed_ : durable_;
  }
  [[nodiscard]] const Content& content() const { return *committed_; }
  void set(Content content) {
    committed_ = std::make_shared<Content>(std::move(content));
    durable_ = committed_;
  }

 private:
  class Pinned final : public storage::Snapshot {
   public:
    explicit Pinned(std::shared_ptr<const Content> content) : content_(std::move(content)) {}
    Result<std::optional<std::string>> get(std::string_view key) const override {
      const auto it = content_->map.find(key);
      return it == content_->map.end() ? std::nullopt : std::optional<std::string>(it->second);
    }
    Status scan(std::string_view prefix, const Visit& visit) const override {
      for (auto it = content_->map.lower_bound(prefix); it != content_->map.end(); ++it) {
        if (!std::string_view(it->first).starts_with(prefix) || !visit(it->first, it->second)) break;
      }
      return {};
    }

   private:
    std::shared_ptr<const Content> content_;
  };

  std::shared_ptr<const Content> committed_ = std::make_shared<Content>();
  std::shared_ptr<const Content> durable_ = committed_;
};

inline constexpr std::uint32_t kOrdinals = 4;

/// "view" (0) of items, "visit" (1) of creators, "save" (2), a relation to items, "follow" (3), one to users, "play"
/// (4) of items.
inline const std::vector<SignalDef>& history_signals() {
  static const std::vector<SignalDef> signals = [] {
    std::vector<SignalDef> out(5);
    const char* const names[] = {"view", "visit", "save", "follow", "play"};
    for (std::size_t i = 0; i < out.size(); ++i) out[i].name = names[i];
    for (SignalDef& def : out) def.has_value = true;
    out[1].target = EntityKind::Creator;
    out[2].relation = true;
    out[3].relation = true;
    out[3].target = EntityKind::User;
    return out;
  }();
  return signals;
}

/// The view "rollups" with what it reads from, over a store of somebody's.
class RollupsWorld {
 public:
  explicit RollupsWorld(storage::KeyValueStore& store) : rollups(store) {
    wal::WalEvent declared;
    schema::SchemaChange change;
    change.signals = history_signals();
    const std::string payload = schema::encode_change(change);
    declared.seqno = SeqNo{1};
    declared.record.type = wal::RecordType::SchemaChange;
    declared.record.payload = payload;
    catalog_.apply(declared);
  }
  [[nodiscard]] std::string digest() const { return materializer::digest_of(view).hex; }
  /// "" or what failed.
  [[nodiscard]] std::string write_image(std::string& image) {
    image.clear();
    const Status written = view.checkpoint()->write_to(image);
    return written.ok() ? "" : written.error().to_string();
  }

 private:
  schema::Catalog catalog_;
  materializer::NumberedKeys keys_{kOrdinals};

 public:
  Rollups rollups;
  RollupsMaterializer view{rollups, {.catalog = catalog_, .keys = keys_}};
};

using CellKey = std::tuple<EntityKind, Ordinal, std::uint16_t, RollupStep, std::int64_t>;
struct Cell {
  std::uint64_t count = 0;
  double weight = 0;
  double value_sum = 0;
  bool operator==(const Cell&) const = default;
};
using Cells = std::map<CellKey, Cell>;

/// The first `n` events one by one; exact as long as weights and values are few binary digits.
inline Cells fold(const materializer::History& history, std::size_t n) {
  Cells cells;
  const auto floor_of = [](std::int64_t t, std::int64_t width) {
    std::int64_t q = t / width;
    while (q * width > t) --q;
    return q;
  };
  for (std::size_t i = 0; i < n; ++i) {
    const wal::WalEvent& e = history.events()[i];
    if (e.ids.is_void) continue;
    if (e.record.type == wal::RecordType::DeleteEntity) {
      std::erase_if(cells, [&](const auto& cell) {
        return std::get<0>(cell.first) == e.record.subject_kind && std::get<1>(cell.first) == e.ids.subject;
      });
    }
    const bool counts =
        e.record.type == wal::RecordType::Signal || (e.record.type == wal::RecordType::Relate && !e.ids.stood);
    if (!counts || e.record.subject_kind == EntityKind::User) continue;
    std::vector<std::pair<EntityKind, Ordinal>> whose = {{e.record.subject_kind, e.ids.subject}};
    if (e.record.subject_kind == EntityKind::Item) whose.emplace_back(EntityKind::Creator, e.ids.creator);
    for (const auto& [kind, ordinal] : whose) {
      if (ordinal == Ordinal::None) continue;
      for (const auto& [step, width] : {std::pair(RollupStep::Hour, hours(1).us), {RollupStep::Day, days(1).us}}) {
        Cell& cell = cells[{kind, ordinal, e.ids.signal, step, floor_of(e.record.event_time.us, width)}];
        ++cell.count;
        cell.weight += e.ids.weight;
        if (e.ids.has_value) cell.value_sum += e.ids.weight * e.ids.value;
      }
    }
  }
  return cells;
}

/// What the view tells of itself, in the form of fold().
inline Cells told_by(const Rollups& rollups) {
  Cells cells;
  const Status read = rollups.for_each_fact([&](const RollupFact& f) {
    cells[{f.series.kind, f.series.entity, f.series.signal, f.step, f.bucket}] = {
        f.sums.count, from_fixed(f.sums.weight), from_fixed(f.sums.value)};
  });
  if (!read.ok()) cells.clear();
  return cells;
}

/// Few entities, and times that crowd in some hours, lie before 1970, or far apart.
inline Timestamp random_time(base::Random& random) {
  constexpr std::int64_t kDays[] = {-8000, -33, -32, -1, 0, 1, 31, 32, 300, 20'000, 20'001, 20'002};
  const std::int64_t day = kDays[random.below(std::size(kDays))];
  const auto hour = static_cast<std::int64_t>(random.below(3) * 11);
  const std::int64_t within = random.coin() ? 0 : static_cast<std::int64_t>(random.below(3'600'000'000ULL));
  return Timestamp{} + days(day) + hours(hour) + Duration{within};
}

inline void add_random_event(base::Random& random, materializer::History& history) {
  const auto ordinal = [&] { return to_ordinal(static_cast<std::uint32_t>(random.below(kOrdinals))); };
  const std::uint64_t what = random.below(100);
  const Timestamp at = random_time(random);
  if (what < 10) {
    auto& e = history.add(wal::RecordType::DeleteEntity, at);
    e.record.subject_kind = static_cast<EntityKind>(random.below(kEntityKinds));
    e.ids.subject = ordinal();
    e.ids.is_void = random.below(4) == 0;
    return;
  }
  const auto signal = static_cast<std::uint16_t>(random.below(history_signals().size()));
  const SignalDef& def = history_signals()[signal];
  const auto type = !def.relation          ? wal::RecordType::Signal
                    : random.below(4) != 0 ? wal::RecordType::Relate
                                           : wal::RecordType::Unrelate;
  auto& e = history.add(type, at);
  e.record.subject_kind = def.target;
  e.ids.subject = ordinal();
  if (def.target == EntityKind::Item && random.below(5) != 0) e.ids.creator = ordinal();
  e.ids.user = ordinal();
  e.ids.signal = signal;
  if (def.relation) e.ids.relation = static_cast<std::uint16_t>(signal - 2);
  e.ids.stood = def.relation && random.below(3) == 0;
  e.ids.is_void = random.below(15) == 0;
  constexpr double kWeights[] = {1, 1, 1, 0, 0.5, 2.25, 1e6};
  constexpr double kValues[] = {0, 1, -3.5, 0.125, 12'345};
  e.ids.weight = kWeights[random.below(std::size(kWeights))];
  e.ids.has_value = random.coin();
  if (e.ids.has_value) e.ids.value = kValues[random.below(std::size(kValues))];
}

}  // namespace tidal::signal
