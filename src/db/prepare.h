// Validates an operation and turns it into the bytes of its record: everything that can be refused is refused here,
// before the log sees it.
//
// Threads: a Preparer belongs to one call; the views it reads are safe to read from any thread.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/erased_user.h"
#include "db/standing.h"
#include "db/views.h"
#include "schema/schema.h"
#include "tidal/db.h"
#include "wal/record.h"

namespace tidal::db {

/// A validated record that owns its bytes, and the reply its caller gets once it is applied.
struct PreparedRecord {
  wal::RecordType type = wal::RecordType::Signal;
  std::uint8_t flags = 0;
  EntityKind subject_kind = EntityKind::Item;
  Timestamp event_time;
  std::string subject_key;
  std::string user_key;
  std::string payload;
  std::string idempotency_key;
  std::string context;
  std::string import_mark;
  bool keep_duplicate = false;  ///< written even when the log holds the same event
  WriteReply reply;

  /// Views into this; valid while it stays where it is.
  [[nodiscard]] wal::Record record() const;
};

/// The part of an operation that an error is about, so that whoever knows the text can point at it.
enum class Part : std::uint8_t { Whole, Name, Target, User, Value, Weight, Time, IdempotencyKey, Context, Reason };

/// Prepares the operations of one batch in order: later ones see what earlier ones will have done.
class Preparer {
 public:
  struct Moments {
    Timestamp now;      ///< of events and entities that come without a time
    Timestamp horizon;  ///< what future_tolerance is held against: the clock, also when answers follow old events
  };
  /// `schema` is the one in force for the batch (staged definitions included).
  Preparer(const schema::Schema& schema, const Views& views, Moments moments)
      : schema_(&schema), views_(views), now_(moments.now), horizon_(moments.horizon), standing_(views) {}

  /// The batch defined something: later operations are held against the new schema.
  void set_schema(const schema::Schema& schema) { schema_ = &schema; }

  [[nodiscard]] Timestamp now() const { return now_; }
  struct Batch {
    bool takes_back = false;  ///< it has an UNSIGNAL: then it matters which of its signals stand
    bool keeps_duplicates = false;
  };
  /// From here on later operations see what earlier ones will have done.
  void begin_batch(Batch batch) { batch_ = batch; }

  /// nullopt: nothing to write (a DELETE of nothing); `reply` then tells the status.
  [[nodiscard]] Result<std::optional<PreparedRecord>> prepare(const Operation& operation, WriteReply& reply);
  /// What the last error of prepare() was about.
  [[nodiscard]] Part wrong_part() const { return wrong_part_; }

 private:
  /// Remembers what is being checked.
  [[nodiscard]] Status checking(Part part, Status status) {
    wrong_part_ = part;
    return status;
  }
  [[nodiscard]] Status check_user(const std::string& user);
  [[nodiscard]] Result<std::optional<PreparedRecord>> prepare_signal(const Signal& signal, WriteReply& reply);
  [[nodiscard]] Result<std::optional<PreparedRecord>> prepare_put(const PutOperation& put, WriteReply& reply);
  [[nodiscard]] Result<std::optional<PreparedRecord>> prepare_delete(const DeleteOperation& del, WriteReply& reply);
  [[nodiscard]] Result<std::optional<PreparedRecord>> prepare_unsignal(const Unsignal& unsignal, WriteReply& reply);
  [[nodiscard]] Result<std::optional<PreparedRecord>> prepare_relate(const Relate& relate, WriteReply& reply);
  [[nodiscard]] Result<std::optional<PreparedRecord>> prepare_hide(const Hide& hide, WriteReply& reply);
  [[nodiscard]] Status check_event_time(std::optional<Timestamp> at, std::string_view what);
  [[nodiscard]] Status check_live(EntityKind kind, std::string_view key) const;
  [[nodiscard]] bool is_live(EntityKind kind, std::string_view key) const;
  const schema::Schema* schema_;
  const Views& views_;
  Timestamp now_;
  Timestamp horizon_;
  std::optional<Batch> batch_;
  Part wrong_part_ = Part::Whole;
  std::map<std::pair<EntityKind, std::string>, bool> staged_;  ///< liveness decided earlier in the batch
  Standing standing_;
};

/// Records of one batch with their replies; what a caller hands to Core::commit.
struct PreparedBatch {
  std::vector<PreparedRecord> records;
  std::vector<WriteReply> replies;           ///< one an operation
  std::vector<std::size_t> record_of_reply;  ///< kNoRecord: the operation wrote nothing
};
inline constexpr std::size_t kNoRecord = ~std::size_t{0};

/// The first error carrying the others; the vector must not be empty.
[[nodiscard]] Error joined(std::vector<Error> errors);

/// Prepares all operations, or gives the errors of all bad ones (joined), each with its number from 1 in
/// ErrorDetail::statement.
[[nodiscard]] Result<PreparedBatch> prepare_batch(Preparer& preparer, std::span<const Operation> operations,
                                                  const BatchOptions& options);

/// The record of a validated schema change.
[[nodiscard]] PreparedRecord schema_record(const schema::SchemaChange& change, Timestamp now);

/// The record that forgets the user.
[[nodiscard]] PreparedRecord erase_record(const ErasedUser& user, Timestamp now);

/// Years 0000 to 9999: far from where sums of times overflow. InvalidArgument naming `what`.
[[nodiscard]] Status check_time(Timestamp time, std::string_view what);

/// 1 to 128 bytes of UTF-8 without control characters. InvalidArgument naming `what`.
[[nodiscard]] Status check_key(std::string_view key, std::string_view what);

}  // namespace tidal::db
