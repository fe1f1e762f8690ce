// What stands when an operation of a batch comes to its turn: what the views say, then what earlier operations of the
// batch will have changed. Signals that can be taken back, edges, and what is hidden.
//
// S1: decided by the rules by which the views will apply the records, so a batch answers and writes the same as its
//     operations one by one: the latest event time decides, of one time the later record; an undo leaves its time
//     behind; the deletion of an entity takes edges (edges.h R2).
// S2: a signal that the log would drop as a duplicate changes nothing here.
// Threads: one call's own, in its turn (standing_turns.h) where what it answers goes into a record.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "db/views.h"
#include "schema/schema.h"
#include "tidal/db.h"
#include "wal/record.h"

namespace tidal::db {

class Standing {
 public:
  /// `views` outlives this.
  explicit Standing(const Views& views) : views_(views) {}

  /// The latest word about something: whether it stands, and since when it does or does not.
  struct Word {
    bool stands = false;
    Timestamp at{};
    /// What comes at `at` is heard.
    [[nodiscard]] static bool is_heard(const std::optional<Word>& latest, Timestamp at) {
      return !latest || at >= latest->at;
    }
  };
  /// Nothing: there never was one.
  [[nodiscard]] std::optional<Word> edge(const schema::Schema& schema, const Relate& relate) const;
  [[nodiscard]] std::optional<Word> hidden(EntityKind kind, std::string_view key) const;

  /// One user's signal on one item.
  struct SignalKey {
    std::string signal;
    std::string user;
    std::string item;
    auto operator<=>(const SignalKey&) const = default;
  };
  /// The newest time at which the signal holds a mark other than seen; an undo at this time or later takes it back.
  [[nodiscard]] std::optional<Timestamp> signal_since(const schema::Schema& schema, const SignalKey& key) const;

  // What the batch will have done.

  void stage_edge(const schema::Schema& schema, const Relate& relate, Timestamp at);
  void stage_hidden(EntityKind kind, std::string_view key, Word word);
  /// A signal that holds a mark other than seen. `clock`: when it will be appended, for S2.
  void stage_signal(const schema::Schema& schema, const SignalKey& key, const wal::Record& record, Timestamp clock);
  void stage_undo(const schema::Schema& schema, const SignalKey& key, Timestamp at);
  void stage_deletion(const schema::Schema& schema, EntityKind kind, const std::string& key);

 private:
  struct SignalMarks {
    std::optional<Timestamp> since;
    std::optional<Timestamp> undone;  ///< the newest undo
  };
  using EntityName = std::pair<EntityKind, std::string>;
  using EdgeName = std::tuple<std::string, std::string, std::string>;  ///< relation, from, to

  [[nodiscard]] SignalMarks marks(const schema::Schema& schema, const SignalKey& key) const;
  [[nodiscard]] bool was_taken(const RelationDef& relation, const std::string& from, const std::string& to) const;

  const Views& views_;
  std::map<SignalKey, SignalMarks> signals_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> ids_;  ///< of the batch's signals
  std::map<EdgeName, std::optional<Word>> edges_;
  std::map<EntityName, Word> hidden_;
  std::set<EntityName> deleted_;  ///< at some point of the batch
};

}  // namespace tidal::db
