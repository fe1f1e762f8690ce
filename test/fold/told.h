// What a log tells: its records in order, their names resolved, and which of them are void, by the documented rules
// alone. What views hold is folded from this list, anew for every comparison.
//
// Ordinals are places of keys within their kind, in order of first appearance, as docs/formats and types.h say; the
// test of the entities compares them with the database's own before others use them.
// Void: of a kind or name that nobody declared, about an entity that is not alive, by a user who is not and may not be
// created.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "entity/entity_record.h"
#include "schema/schema.h"
#include "tidal/result.h"
#include "wal/record.h"

namespace tidal::test::fold {

/// One record as the rules read it.
struct Happening {
  std::uint64_t seqno = 0;
  Timestamp append_time{};
  Timestamp at{};  ///< event time
  wal::RecordType type = wal::RecordType::Empty;
  bool is_void = false;
  EntityKind kind = EntityKind::Item;  ///< of the subject
  Ordinal subject = Ordinal::None;
  Ordinal user = Ordinal::None;     ///< who acted
  Ordinal creator = Ordinal::None;  ///< of a subject that is an item, at this record
  Ordinal from = Ordinal::None;     ///< where an edge begins
  std::size_t signal = 0;           ///< place in the definitions; of an edge its relation's signal
  std::size_t relation = 0;
  double weight = 1;
  std::optional<double> value{};
  bool stood = false;  ///< as the record says
  std::string reason{};
  wal::EventId id{};
  std::shared_ptr<const entity::EntityContent> content{};  ///< of a put or an update
  std::shared_ptr<const schema::SchemaChange> change{};    ///< of a definition
  std::vector<std::string> import_marks{};

  [[nodiscard]] bool is(wal::RecordType t) const { return !is_void && type == t; }
  [[nodiscard]] bool deletes(EntityKind k) const { return is(wal::RecordType::DeleteEntity) && kind == k; }
  [[nodiscard]] bool erases() const { return is(wal::RecordType::Erase); }
  /// Somebody sends it: a signal, or an edge that did not stand.
  [[nodiscard]] bool counts() const { return is(wal::RecordType::Signal) || (is(wal::RecordType::Relate) && !stood); }
};

/// What an event does beside counting, docs/feedback.md.
struct Moves {
  double preference = 0;
  double creator = 0;
  double affinity = 0;
};

class Told {
 public:
  /// Reads all records of the log of the database in `path`, archived ones too.
  [[nodiscard]] static Result<Told> from_log(base::FileSystem& fs, const std::string& path);

  std::vector<Happening> happenings;
  schema::Schema definitions;                                              ///< as they are at the end
  std::array<std::vector<std::optional<std::string>>, kEntityKinds> keys;  ///< nothing: forgotten
  std::array<std::set<Ordinal>, kEntityKinds> live;                        ///< likewise at the end

  [[nodiscard]] const SignalDef& signal(const Happening& h) const { return definitions.signals[h.signal]; }
  [[nodiscard]] std::vector<Ordinal> all(EntityKind kind) const;
  [[nodiscard]] Moves moves_of(const Happening& h) const;
  /// The marks that a signal sets, one bit each.
  [[nodiscard]] unsigned marks_of(const Happening& h) const;
  /// "u3 (2)" for messages.
  [[nodiscard]] std::string name(EntityKind kind, Ordinal o) const;

 private:
  void take(const wal::WalEvent& event);
  void resolve(const wal::Record& record, Happening& h);
  void resolve_signal(const wal::Record& record, Happening& h);
  void resolve_undo(const wal::Record& record, Happening& h);
  void resolve_edge(const wal::Record& record, Happening& h);
  void resolve_write(const wal::Record& record, Happening& h);
  void resolve_erasure(const wal::Record& record, Happening& h);
  void absorb(const schema::SchemaChange& change);
  [[nodiscard]] Ordinal assign(EntityKind kind, std::string_view key);
  [[nodiscard]] Ordinal live_one(EntityKind kind, std::string_view key) const;
  [[nodiscard]] std::set<Ordinal>& alive(EntityKind kind) { return live[static_cast<std::size_t>(kind)]; }

  std::array<std::map<std::string, Ordinal, std::less<>>, kEntityKinds> ordinals_;
  std::map<Ordinal, Ordinal> creator_of_;
};

/// Where a name is in a list of definitions; its size when it is not.
template <class Defs>
[[nodiscard]] std::size_t place_of(const Defs& defs, std::string_view name) {
  std::size_t i = 0;
  while (i < defs.size() && defs[i].name != name) ++i;
  return i;
}

}  // namespace tidal::test::fold
