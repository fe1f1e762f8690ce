// The public handle: Database over Core and Session.
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/epoch.h"
#include "db/batch_write.h"
#include "db/call_gate.h"
#include "db/core.h"
#include "db/forget.h"
#include "db/session.h"
#include "query/parser.h"
#include "tidal/db.h"

namespace tidal {
namespace {

std::int64_t monotonic_us() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

}  // namespace

class Database::Impl {
 public:
  mutable db::CallGate gate;
  base::SystemClock system_clock;
  std::unique_ptr<db::Core> core;
};

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::Database(Database&&) noexcept = default;

Database& Database::operator=(Database&& other) noexcept {
  if (this != &other) {
    if (impl_) static_cast<void>(close());
    impl_ = std::move(other.impl_);
  }
  return *this;
}

Database::~Database() {
  if (!impl_) return;
  static_cast<void>(close());
  // In a forked child the log, the lock and the threads are the parent's: the copy is left alone, not torn down.
  if (impl_->gate.is_forked()) static_cast<void>(impl_.release());
}

Result<Database> Database::open(const std::string& path, Options options) {
  if (path.empty()) return Error(Code::InvalidArgument, "expected the path of a data directory, got an empty one");
  auto impl = std::make_unique<Impl>();
  const db::CoreEnvironment environment{.fs = base::posix_file_system(), .clock = impl->system_clock};
  TIDAL_TRY_ASSIGN(impl->core, db::Core::open(path, options, environment));
  return Database(std::move(impl));
}

Result<Database> Database::open_in_memory(Options options) {
  auto impl = std::make_unique<Impl>();
  const db::CoreEnvironment environment{.fs = base::posix_file_system(), .clock = impl->system_clock};
  TIDAL_TRY_ASSIGN(impl->core, db::Core::open("", options, environment));
  return Database(std::move(impl));
}

Result<WriteReply> Database::write_one(const Operation& operation) {
  TIDAL_TRY_ASSIGN(std::vector<WriteReply> replies, write(std::span(&operation, 1)));
  return std::move(replies.front());
}

Result<WriteReply> Database::signal(const Signal& signal) { return write_one(signal); }
Result<WriteReply> Database::unsignal(const Unsignal& unsignal) { return write_one(unsignal); }
Result<WriteReply> Database::relate(const Relate& relate) { return write_one(relate); }
Result<WriteReply> Database::hide(const Hide& hide) { return write_one(hide); }

Result<std::vector<WriteReply>> Database::signals(std::span<const Signal> signals) {
  const std::vector<Operation> operations(signals.begin(), signals.end());
  return write(operations);
}

Status Database::signal_async(const Signal& signal, std::function<void(Result<WriteReply>)> done) {
  if (!done) return Error(Code::InvalidArgument, "signal_async: expected a callback, got an empty one");
  TIDAL_TRY_ASSIGN(const db::CallGate::Pass pass, impl_->gate.enter());
  db::Core& core = *impl_->core;
  db::Preparer preparer = core.preparer();
  WriteReply reply;
  TIDAL_TRY_ASSIGN(std::optional<db::PreparedRecord> record, preparer.prepare(signal, reply));
  record->reply = std::move(reply);
  return core.commit_async(std::move(*record), std::move(done));
}

Result<WriteReply> Database::put(EntityKind kind, std::string_view key, const Entity& entity) {
  return write_one(PutOperation{.kind = kind, .key = std::string(key), .entity = entity, .update = false});
}

Result<WriteReply> Database::put_item(std::string_view key, const Entity& entity) {
  return put(EntityKind::Item, key, entity);
}

Result<WriteReply> Database::put_user(std::string_view key, const Entity& entity) {
  return put(EntityKind::User, key, entity);
}

Result<WriteReply> Database::put_creator(std::string_view key, const Entity& entity) {
  return put(EntityKind::Creator, key, entity);
}

Result<WriteReply> Database::update(EntityKind kind, std::string_view key, const Entity& entity) {
  return write_one(PutOperation{.kind = kind, .key = std::string(key), .entity = entity, .update = true});
}

Result<WriteReply> Database::remove(EntityKind kind, std::string_view key) {
  return write_one(DeleteOperation{.kind = kind, .key = std::string(key)});
}

Result<std::vector<WriteReply>> Database::write(std::span<const Operation> operations, BatchOptions options) {
  TIDAL_TRY_ASSIGN(const db::CallGate::Pass pass, impl_->gate.enter());
  const std::int64_t started = monotonic_us();
  TIDAL_TRY_ASSIGN(std::vector<WriteReply> replies, db::write_batch(*impl_->core, operations, options));
  const std::int64_t elapsed = monotonic_us() - started;
  for (WriteReply& reply : replies) reply.elapsed_us = elapsed;
  return replies;
}

Result<QueryReply> Database::retrieve(const Retrieve& query) {
  TIDAL_TRY_ASSIGN(std::vector<Reply> replies, execute(query.statement(), query.params()));
  if (replies.size() != 1 || !std::holds_alternative<QueryReply>(replies.front())) {
    return Error(Code::InvalidArgument, "expected the clauses of one query, got '" + query.statement() + "'");
  }
  return std::get<QueryReply>(std::move(replies.front()));
}

Result<EntityReply> Database::get(EntityKind kind, std::string_view key) {
  const Params params = {{"key", Value(std::string(key))}};
  TIDAL_TRY_ASSIGN(std::vector<Reply> replies, execute("GET " + std::string(kind_name(kind)) + " $key", params));
  return std::get<EntityReply>(std::move(replies.front()));
}

Result<ForgetReply> Database::forget_user(std::string_view key) {
  const std::int64_t started = monotonic_us();
  TIDAL_TRY_ASSIGN(const db::CallGate::Pass pass, impl_->gate.enter());
  TIDAL_TRY_ASSIGN(ForgetReply reply, db::forget_user(*impl_->core, key));
  reply.elapsed_us = monotonic_us() - started;
  return reply;
}

Result<RowsReply> Database::export_user(std::string_view key) {
  const std::int64_t started = monotonic_us();
  TIDAL_TRY_ASSIGN(const db::CallGate::Pass pass, impl_->gate.enter());
  TIDAL_TRY_ASSIGN(RowsReply reply, db::export_user(*impl_->core, key));
  reply.elapsed_us = monotonic_us() - started;
  return reply;
}

Result<std::vector<Reply>> Database::execute(std::string_view script, const Params& params) {
  std::vector<Reply> replies;
  std::optional<Error> failed;
  execute(script, params, false, [&](const Result<Reply>& reply) {
    if (reply.ok()) {
      replies.push_back(*reply);
    } else {
      failed = reply.error();
    }
    return true;
  });
  if (failed) return std::move(*failed);
  return replies;
}

bool Database::execute(std::string_view script, const Params& params, bool keep_going,
                       const std::function<bool(const Result<Reply>&)>& visit) {
  const Result<db::CallGate::Pass> pass = impl_->gate.enter();
  if (!pass.ok()) {
    visit(pass.error());
    return false;
  }
  Result<query::Script> parsed = query::parse(script);
  if (!parsed.ok()) {
    visit(std::move(parsed).error());
    return false;
  }
  db::Session session(*impl_->core, params);
  bool all_ok = true;
  for (std::size_t i = 0; i < parsed->statements.size(); ++i) {
    const Result<Reply> reply = session.execute(parsed->statements[i]);
    all_ok = all_ok && reply.ok();
    const bool is_last = i + 1 == parsed->statements.size();
    if (const bool goes_on = visit(reply); !goes_on && !is_last) return false;
    if (!reply.ok() && !keep_going) return false;
  }
  if (Status finished = session.finish(); !finished.ok()) {
    visit(std::move(finished).error());
    return false;
  }
  return all_ok;
}

std::string Database::schema_text() const {
  const Result<db::CallGate::Pass> pass = impl_->gate.enter();
  return pass.ok() ? schema::to_statements(impl_->core->views().schema()) : std::string();
}

std::uint64_t Database::import_position(std::string_view import_id) const {
  const Result<db::CallGate::Pass> pass = impl_->gate.enter();
  if (!pass.ok()) return 0;
  const base::EpochGuard guard;
  return impl_->core->views().import_marks().position(import_id);
}

Timestamp Database::now() const {
  const Result<db::CallGate::Pass> pass = impl_->gate.enter();
  return pass.ok() ? impl_->core->now() : impl_->system_clock.now();
}

DatabaseStats Database::stats() const {
  const Result<db::CallGate::Pass> pass = impl_->gate.enter();
  return pass.ok() ? impl_->core->stats() : DatabaseStats{};
}

Result<SeqNo> Database::checkpoint() {
  TIDAL_TRY_ASSIGN(const db::CallGate::Pass pass, impl_->gate.enter());
  return impl_->core->checkpoint();
}

std::vector<std::string> Database::rebuildable_views() {
  const std::vector<std::string_view> names = db::Views::derived();
  return {names.begin(), names.end()};
}

Result<RebuildReport> Database::rebuild(std::string_view view,
                                        const std::function<bool(const RebuildProgress&)>& observe) {
  TIDAL_TRY_ASSIGN(const db::CallGate::Pass pass, impl_->gate.enter());
  return impl_->core->rebuild(view, observe);
}

Result<CompactionReport> Database::compact() {
  TIDAL_TRY_ASSIGN(const db::CallGate::Pass pass, impl_->gate.enter());
  TIDAL_TRY_ASSIGN(CompactionReport report, impl_->core->compact());
  const DatabaseStats stats = impl_->core->stats();
  const std::int64_t limit = impl_->core->views().schema().settings.log_bytes;
  report.newest_is_too_large =
      limit > 0 && stats.log_segments == 1 && stats.log_bytes > static_cast<std::uint64_t>(limit);
  return report;
}

Result<BackupReport> Database::backup(const std::string& dest, const BackupOptions& options) {
  TIDAL_TRY_ASSIGN(const db::CallGate::Pass pass, impl_->gate.enter());
  return impl_->core->backup(dest, options);
}

Result<DigestReport> Database::digest() {
  TIDAL_TRY_ASSIGN(const db::CallGate::Pass pass, impl_->gate.enter());
  return impl_->core->digest();
}

Status Database::close() {
  {
    // As a call: whoever else closes waits for it. Refused in a forked child, and when somebody has hastened already.
    const Result<db::CallGate::Pass> pass = impl_->gate.enter();
    if (pass.ok()) impl_->core->hasten();
  }
  TIDAL_TRY(impl_->gate.close());
  return impl_->core->close();
}

}  // namespace tidal
