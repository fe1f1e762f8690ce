// The database: open, write, ask, close.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tidal/backup.h"
#include "tidal/options.h"
#include "tidal/query.h"
#include "tidal/reply.h"
#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal {

/// One event: somebody did something to an item (or, for a signal declared ON creators, to a creator).
struct Signal {
  std::string kind{};             ///< name of a declared signal
  std::string item{};             ///< key of the target
  std::string user{};             ///< "" anonymous
  double weight = 1.0;            ///< finite, >= 0
  std::optional<double> value{};  ///< only when the signal declares VALUE, inside its range
  std::optional<Timestamp> at{};  ///< none: now
  /// Of signals with one key the first counts, and the others are answered with its seqno, for at least 10 minutes
  /// (docs/durability.md). "" none: then the same signal on the same item by the same user within the same second of
  /// `at` counts once; without user or `at` each counts.
  std::string idempotency_key{};
  std::string context{};  ///< JSON object with surface, position, query_id, profile; "" none
};

/// An item, user or creator as the application sees it. In update(): an absent member stays, a null field goes.
struct Entity {
  std::optional<std::string> creator{};  ///< items only
  std::optional<Timestamp> created_at{};
  bool created_at_open = false;  ///< leave created_at to the earliest signal (imports)
  Fields fields{};
  /// Vectors by slot; in update() an empty one removes it. Under METRIC cosine they are normalised.
  std::map<std::string, std::vector<float>, std::less<>> embeddings{};
};

struct PutOperation {
  EntityKind kind = EntityKind::Item;
  std::string key{};
  Entity entity{};
  bool update = false;            ///< named fields only; the entity must exist
  std::optional<Timestamp> at{};  ///< when it was written, for what has no created_at of its own; none: now (exports)
};

struct DeleteOperation {
  EntityKind kind = EntityKind::Item;
  std::string key{};
};

/// Takes a signal back: its marks but `seen`, and what it gave to preference, creator weight and affinity. Counts stay.
/// The reply's status is "unchanged" when no such mark stood, or one that is newer than `at`.
struct Unsignal {
  std::string kind{};             ///< name of a declared signal on items
  std::string item{};             ///< key
  std::string user{};             ///< key
  std::optional<Timestamp> at{};  ///< none: now
};

/// Writes an edge of a declared relation, or removes it. Of several about one edge the latest `at` decides, of equal
/// ones the last written. The reply's status is "unchanged" when an edge stands already or, to be removed, does not;
/// weight and time are taken over all the same.
struct Relate {
  std::string relation{};
  std::string from{};  ///< keys; the relation says of which kinds
  std::string to{};
  bool remove = false;
  double weight = 1.0;            ///< finite, >= 0; not of a removal
  std::optional<Timestamp> at{};  ///< none: now
};

/// Keeps an entity from every answer but GET, for everybody, until it is shown again. Of an item's creator: its items.
struct Hide {
  EntityKind kind = EntityKind::Item;
  std::string key{};
  bool unhide = false;
  std::string reason{};           ///< at most 1 KiB; not with unhide
  std::optional<Timestamp> at{};  ///< none: now
};

using Operation = std::variant<Signal, PutOperation, DeleteOperation, Unsignal, Relate, Hide>;

/// Names an import and how far its applied order has come; one a batch, remembered for ever.
struct ImportMark {
  std::string id;              ///< 32 bytes
  std::uint64_t position = 0;  ///< of the batch's last line, from 1
};

/// Statements that come into force before the operations of their batch, in the same frame.
struct Definitions {
  std::string statements;         ///< DEFINE … and ALTER … only
  std::optional<Timestamp> at{};  ///< when they were made; none: now (exports)
};

struct BatchOptions {
  bool keep_duplicates = false;  ///< write signals that the log holds already: what is copied from another log
  std::optional<ImportMark> import_mark{};
  std::optional<Definitions> definitions{};
  /// So long a full queue may block it, and others' turns (docs/concurrency.md): 0 to 1 day; none: write_deadline.
  std::optional<Duration> deadline{};
};

struct ViewInfo {
  std::string name;
  SeqNo applied;
  std::size_t memory_bytes = 0;
};

struct DatabaseStats {
  SeqNo last_seqno;
  SeqNo checkpoint_seqno;   ///< 0: none yet
  SeqNo base_seqno;         ///< 0: none, the log is kept from its first record
  SeqNo history_first;      ///< oldest record from which on log and archive are without a hole
  Timestamp history_since;  ///< its append time, roughly
  std::uint64_t archive_segments = 0;
  Duration checkpoint_pause{0};  ///< how long writers waited for the last one since open
  std::uint32_t schema_version = 0;
  std::uint64_t items = 0, users = 0, creators = 0;
  std::uint64_t signals_applied = 0;  ///< since open
  std::uint64_t void_records = 0;     ///< since open
  std::optional<Timestamp> newest_event;
  Timestamp now;  ///< of the database's clock
  std::uint64_t log_bytes = 0;
  std::uint64_t log_segments = 0;
  std::vector<ViewInfo> views;
  std::uint64_t memory_limit = 0;  ///< as in Options; of the sum of the views' memory_bytes
};

/// How far a rebuild has come.
struct RebuildProgress {
  std::string view;
  SeqNo through;  ///< the last event in the view that is being built
  SeqNo target;   ///< the last event of the one in service
};
struct RebuildReport {
  std::string view;
  std::uint64_t events = 0;  ///< replayed
  SeqNo seqno;               ///< at which the new view took its place
  Duration pause{0};         ///< how long writers waited for that
};

/// What a compaction did.
struct CompactionReport {
  SeqNo base;  ///< of the base that the log now stands on; 0: the log is kept from its first record
  std::uint64_t segments_archived = 0;
  std::uint64_t segments_removed = 0;
  std::uint64_t bytes_freed = 0;  ///< in wal/
  std::uint64_t segments_rewritten = 0;
  std::uint64_t records_made_anonymous = 0;  ///< of users that were forgotten
  bool newest_is_too_large = false;  ///< one segment is left, which never leaves the log, and log_bytes allows less
};

struct DigestReport {
  SeqNo seqno;
  std::string all;  ///< 32 hex digits over the views' lines
  std::vector<std::pair<std::string, std::string>> by_view;
};

/// A handle on one data directory. Thread-safe; moving it is not. Closing waits for running calls, so it must not be
/// done from inside one. In a forked child, and once closed, every call answers Unavailable; those without a Result
/// answer as an empty database does.
class Database {
 public:
  /// Opens a directory. NotFound (missing and not create_if_missing), AlreadyOpen (another handle or process),
  /// Corruption (damage, named), FailedPrecondition (written by a newer version), IoError.
  [[nodiscard]] static Result<Database> open(const std::string& path, Options options = {});
  /// Lives in memory only and is gone when closed.
  [[nodiscard]] static Result<Database> open_in_memory(Options options = {});

  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  /// close(), its error ignored.
  ~Database();

  // Writes. When one returns, it is durable (as Options::durability says) and the next query sees it.

  /// The reply's status is "applied", or "deduplicated" with the seqno of the first when the log held the event
  /// already. NotFound (unknown signal or item), InvalidArgument, Unavailable, IoError, ResourceExhausted.
  [[nodiscard]] Result<WriteReply> signal(const Signal& signal);
  /// All or none is written, in one log frame of at most 16 MiB. A signal whose item was deleted by somebody else
  /// between validation and application has the status "void" and counts nowhere.
  [[nodiscard]] Result<std::vector<WriteReply>> signals(std::span<const Signal> signals);
  /// Validates now, acknowledges through `done` on a thread of the database's; `done` must not block, throw, or call
  /// the database.
  [[nodiscard]] Status signal_async(const Signal& signal, std::function<void(Result<WriteReply>)> done);
  [[nodiscard]] Result<WriteReply> put(EntityKind kind, std::string_view key, const Entity& entity);
  [[nodiscard]] Result<WriteReply> put_item(std::string_view key, const Entity& entity);
  [[nodiscard]] Result<WriteReply> put_user(std::string_view key, const Entity& entity);
  [[nodiscard]] Result<WriteReply> put_creator(std::string_view key, const Entity& entity);
  [[nodiscard]] Result<WriteReply> update(EntityKind kind, std::string_view key, const Entity& entity);
  [[nodiscard]] Result<WriteReply> remove(EntityKind kind, std::string_view key);
  [[nodiscard]] Result<WriteReply> unsignal(const Unsignal& unsignal);
  [[nodiscard]] Result<WriteReply> relate(const Relate& relate);
  [[nodiscard]] Result<WriteReply> hide(const Hide& hide);
  /// Operations of any kind in one frame, all or none; Error::detail->statement is the offending
  /// one's number from 1; further ones are in Error::others. Errors of BatchOptions::definitions come alone.
  [[nodiscard]] Result<std::vector<WriteReply>> write(std::span<const Operation> operations, BatchOptions options = {});

  // Reads.

  [[nodiscard]] Result<QueryReply> retrieve(const Retrieve& query);
  [[nodiscard]] Result<EntityReply> get(EntityKind kind, std::string_view key);

  /// Runs a script in the language of docs/language.md. Stops at the first error, which is returned; statements before
  /// it have happened. BEGIN … COMMIT must lie within one call.
  [[nodiscard]] Result<std::vector<Reply>> execute(std::string_view script, const Params& params = {});
  /// The same, handing over each reply (or error) as it comes; false from `visit`: no later statement runs. With
  /// keep_going later statements run after an error. Returns false when any statement failed or was not run.
  bool execute(std::string_view script, const Params& params, bool keep_going,
               const std::function<bool(const Result<Reply>&)>& visit);

  /// Statements that recreate the schema.
  [[nodiscard]] std::string schema_text() const;
  /// How far an import of this id has come; 0 when the log knows nothing of it.
  [[nodiscard]] std::uint64_t import_position(std::string_view import_id) const;
  [[nodiscard]] Timestamp now() const;
  [[nodiscard]] DatabaseStats stats() const;

  // All of a user (docs/erasure.md).

  /// FORGET USER: no read knows the user when this returns; the next compaction takes the records out of the log.
  /// NotFound; as a write.
  [[nodiscard]] Result<ForgetReply> forget_user(std::string_view key);
  /// EXPORT USER: fields, marks, counts by user, every record of log and archive that names the user. NotFound. Reads
  /// the whole log.
  [[nodiscard]] Result<RowsReply> export_user(std::string_view key);

  // Upkeep.

  /// Writes a checkpoint of everything applied so far; returns its seqno. Runs beside writes and reads.
  [[nodiscard]] Result<SeqNo> checkpoint();
  /// Brings the log within the settings log_retention and log_bytes: writes a base, then lets the oldest segments go to
  /// archive/, or away (log_archive). Also takes users that were forgotten out of the log; what came before the base
  /// can then only be read. Happens by itself after checkpoints. Runs beside writes and reads. IoError,
  /// ResourceExhausted: nothing is lost, and the log stays longer than it should.
  [[nodiscard]] Result<CompactionReport> compact();
  /// Names of the views that rebuild() takes.
  [[nodiscard]] static std::vector<std::string> rebuildable_views();
  /// Builds a view anew from base and log, beside the one in service and under live writes and reads, and puts it into
  /// its place. `observe` (may be empty) is told now and then; false cancels. Views that every other view reads
  /// (schema, entities) are rebuilt by opening. InvalidArgument: no such view; FailedPrecondition: one of those, or a
  /// database in memory; Unavailable: cancelled; Corruption, IoError: the log cannot be read. After an error, and after
  /// a crash at any moment, the view in service is the old one, whole.
  [[nodiscard]] Result<RebuildReport> rebuild(std::string_view view,
                                              const std::function<bool(const RebuildProgress&)>& observe = {});
  /// Copies the database into the new or empty folder `dest`, while writes and reads go on: a base of everything
  /// applied when it begins, and the log with its archive. Writers wait as for a checkpoint. Compaction waits until it
  /// is done. An error leaves no backup. AlreadyExists; InvalidArgument for a place inside of the database; Corruption
  /// names the damaged file; FailedPrecondition for a database in memory; IoError; ResourceExhausted.
  [[nodiscard]] Result<BackupReport> backup(const std::string& dest, const BackupOptions& options = {});
  /// Makes a database in the new or empty folder `dest` of what a backup holds, up to a record or a time. Reads every
  /// file of the backup before it writes, and verifies what it wrote. An error or a crash leaves no database.
  /// NotFound; AlreadyExists; Corruption names the damaged file; InvalidArgument for a place inside of the backup, and
  /// for a target that it does not reach, naming what it reaches; FailedPrecondition for a backup of a newer version;
  /// IoError; ResourceExhausted.
  [[nodiscard]] static Result<RestoreReport> restore(const std::string& backup, const std::string& dest,
                                                     const RestoreOptions& options = {});
  /// A hash of all logical state. Stops writers while it runs.
  [[nodiscard]] Result<DigestReport> digest();
  /// Refuses new calls, drains, checkpoints, releases the directory. Later calls answer Unavailable.
  [[nodiscard]] Status close();

 private:
  class Impl;
  [[nodiscard]] Result<WriteReply> write_one(const Operation& operation);
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidal
