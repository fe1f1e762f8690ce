// A plain model of the whole database: lists of entities and of events ever, searched anew for every question.
//
// It is meant to be read against docs/signals.md, docs/queries.md and docs/ranking.md, not to be fast. It knows what a
// write becomes (prepare), what a record changes (apply, in the order of the log) and what any read answers.
// Threads: one test's own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tidal/db.h"
#include "tidal/schema.h"

namespace tidal::sim {

/// A change of the schema as one record: what is new, and the settings from then on.
struct SchemaStep {
  std::vector<FieldDef> fields{};
  std::vector<SignalDef> signals{};
  std::optional<Settings> settings{};
  Timestamp at{};
};

/// A signal, and what makes it the same event as another one (docs/durability.md, Retries).
struct SignalStep {
  Signal signal{};
  std::string identity{};  ///< "": it has none
  bool is_kept = false;    ///< written also when it repeats another one
};

/// A user is forgotten (docs/erasure.md).
struct ForgetStep {
  std::string user{};
};

/// One record of the log. Times that the writer left open are filled in.
using LogRecord = std::variant<SignalStep, PutOperation, DeleteOperation, SchemaStep, ImportMark, ForgetStep>;

/// What became of a record when it was applied.
enum class Outcome : std::uint8_t { Applied, Void };

/// Where a record of a batch goes: its own seqno, or that of the one it repeats.
struct Place {
  std::uint64_t seqno = 0;
  bool is_duplicate = false;
};

/// What preparing a batch gives.
struct ModelBatch {
  std::optional<Code> refused{};  ///< of the first operation that is refused; then nothing is written
  std::vector<LogRecord> records{};
  std::vector<std::string> statuses{};  ///< by operation, as replies have them when no record is void
  std::vector<std::optional<std::size_t>> record_of_operation{};
};

class Model {
 public:
  // Writes.

  [[nodiscard]] ModelBatch prepare(std::span<const Operation> operations, Timestamp now,
                                   bool keep_duplicates = false) const;
  /// Of the records of a batch that is appended at that time. Duplicates are written nowhere.
  [[nodiscard]] std::vector<Place> places(std::span<const LogRecord> records, Timestamp appended) const;
  /// The next record of the log.
  Outcome apply(const LogRecord& record, Timestamp appended);
  /// It was applied once, however long ago.
  [[nodiscard]] bool has_seen(const std::string& identity) const { return identities_.contains(identity); }
  [[nodiscard]] std::uint64_t seqno() const { return seqno_; }

  // What is there.

  [[nodiscard]] const std::vector<SignalDef>& signals() const { return signals_; }
  [[nodiscard]] const std::vector<FieldDef>& fields() const { return fields_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] const SignalDef* signal(const std::string& name) const;
  [[nodiscard]] const FieldDef* field(EntityKind kind, const std::string& name) const;
  [[nodiscard]] bool is_live(EntityKind kind, const std::string& key) const;
  /// Also one who was deleted, but none who was forgotten and did not come back.
  [[nodiscard]] bool knows_user(const std::string& key) const { return find(EntityKind::User, key) != nullptr; }
  [[nodiscard]] std::vector<std::string> live(EntityKind kind) const;
  /// Of a live entity: fields with DEFAULTs, creator ("" none), creation time (none: open).
  [[nodiscard]] Fields content(EntityKind kind, const std::string& key) const;
  [[nodiscard]] std::string creator_of(const std::string& item) const;
  [[nodiscard]] std::optional<Timestamp> created_at(EntityKind kind, const std::string& key) const;
  [[nodiscard]] std::uint64_t import_position(const std::string& id) const;
  [[nodiscard]] Timestamp newest_event() const { return newest_event_; }
  [[nodiscard]] std::size_t events() const { return events_.size(); }

  // Signals of an entity, as docs/signals.md defines them.

  struct Counted {
    EntityKind kind = EntityKind::Item;
    std::string key;
    std::string signal;
  };
  struct Span {
    Window window = Window::All;
    Timestamp now;
    std::int64_t back = 0;  ///< windows back from now's own
  };
  [[nodiscard]] double count(const Counted& what, const Span& span) const;
  [[nodiscard]] double velocity(const Counted& what, const Span& span) const;
  [[nodiscard]] double sum(const Counted& what, const Span& span) const;
  [[nodiscard]] double mean(const Counted& what, const Span& span) const;
  /// The score, and by how much a linear decay may differ from it (docs/signals.md).
  struct Decayed {
    double score = 0;
    double error_max = 0;
  };
  [[nodiscard]] Decayed decay_score(const Counted& what, Timestamp now) const;
  [[nodiscard]] double net(const std::string& item, const std::string& signal) const;

  // What a user did to an item.

  [[nodiscard]] bool is_marked(const std::string& user, const std::string& item, Mark mark, Timestamp now) const;
  /// Everything of a user that can be counted: what FORGET USER answers, by its names.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> known_of(const std::string& user) const;

 private:
  struct ModelEntity {
    bool live = false;
    bool open = false;
    std::optional<Timestamp> created_at{};
    std::string creator{};
    Fields fields{};
    std::uint64_t deleted_by = 0;  // seqno of the last DELETE; its ledger forgets what came before
  };
  struct Event {
    std::uint64_t seqno = 0;
    std::string signal{};
    EntityKind target = EntityKind::Item;
    std::string subject{};
    std::string user{};         // "": none, or one who was forgotten
    bool of_forgotten = false;  // it still counts for its target, and sets no mark any more
    std::string creator{};      // of the item when it happened
    Timestamp at{};
    double weight = 1;
    std::optional<double> value{};
  };
  using EntityId = std::pair<EntityKind, std::string>;
  struct Staged {
    std::map<EntityId, bool> live{};
    bool keep_duplicates = false;
  };

  std::optional<Code> prepare_one(const Operation& operation, Timestamp now, Staged& staged, ModelBatch& batch) const;
  std::optional<Code> prepare_signal(const Signal& signal, Timestamp now, Staged& staged, ModelBatch& batch) const;
  std::optional<Code> prepare_put(const PutOperation& put, Timestamp now, Staged& staged, ModelBatch& batch) const;
  [[nodiscard]] bool is_live(const EntityId& id, const Staged& staged) const;

  Outcome apply_signal(const SignalStep& step, Timestamp appended);
  [[nodiscard]] std::uint64_t first_of(const std::string& identity, Timestamp now) const;
  Outcome apply_put(const PutOperation& put);
  Outcome apply_delete(const DeleteOperation& del);
  Outcome apply_forget(const ForgetStep& step);
  void apply_schema(const SchemaStep& step);
  void revive(EntityKind kind, const std::string& key, Timestamp at);
  void decide_creation(EntityKind kind, const std::string& key, Timestamp at);

  [[nodiscard]] const ModelEntity* find(EntityKind kind, const std::string& key) const;
  [[nodiscard]] std::vector<const Event*> counted(const Counted& what) const;
  [[nodiscard]] std::vector<const Event*> within(const Counted& what, const Span& span) const;
  [[nodiscard]] bool sets(const Event& event, Mark mark) const;
  [[nodiscard]] bool is_seen(const std::string& user, const std::string& item, Timestamp now) const;
  [[nodiscard]] const Event* latest(const std::string& user, const std::string& item, Mark mark) const;

  std::uint64_t seqno_ = 0;
  std::vector<FieldDef> fields_;
  std::vector<SignalDef> signals_;
  Settings settings_;
  std::map<EntityId, ModelEntity> entities_;
  std::vector<Event> events_;  // all that were not void, in the order of the log
  Timestamp newest_event_;
  std::map<std::string, std::uint64_t> imports_;
  // Of each identity the events that were applied, with the number of the 10 minutes they were appended in.
  struct Appearance {
    std::int64_t span = 0;
    std::uint64_t seqno = 0;
  };
  std::map<std::string, std::vector<Appearance>> identities_;
  // Since when times of `seen` are kept, while they are.
  struct Keeping {
    std::uint64_t since_seqno = 0;
    Timestamp since;
  };
  std::optional<Keeping> keeps_seen_times_;
};

}  // namespace tidal::sim
