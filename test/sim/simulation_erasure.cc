// Users of a simulated database who are forgotten, and the search for what is left of them.
#include <utility>

#include "db/forget.h"
#include "test/sim/simulation.h"
#include "wal/archive.h"

namespace tidal::sim {
namespace {

const std::string kPath = "/db";

std::string as_text(const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) text += " " + name + " " + std::to_string(count);
  return text;
}

/// The user that the record names, if it names one.
std::string named_user(const LogRecord& record) {
  if (const auto* step = std::get_if<SignalStep>(&record)) return step->signal.user;
  if (const auto* put = std::get_if<PutOperation>(&record)) return put->kind == EntityKind::User ? put->key : "";
  if (const auto* del = std::get_if<DeleteOperation>(&record)) return del->kind == EntityKind::User ? del->key : "";
  return "";
}

/// As whoever reads it sees it: an archived segment decompressed.
Result<std::string> readable(base::FileSystem& fs, const std::string& path, std::string content) {
  if (!path.ends_with(".zst")) return content;
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, wal::open_archived(fs, path));
  TIDAL_TRY_ASSIGN(const std::uint64_t bytes, file->size());
  std::string text(bytes, '\0');
  TIDAL_TRY_ASSIGN(const std::size_t got, file->read_at(0, std::as_writable_bytes(std::span(text))));
  text.resize(got);
  return text;
}

}  // namespace

/// The same bytes whenever the seed is the same.
db::ErasureSalt Simulation::next_salt() {
  db::ErasureSalt salt;
  for (std::uint8_t& byte : salt) byte = static_cast<std::uint8_t>(random_.below(256));
  return salt;
}

/// Now and then one whom another client is about to have forgotten.
std::string Simulation::user_to_forget() {
  for (const auto& client : clients_) {
    if (!client || client->expected.records.empty()) continue;
    const auto* step = std::get_if<ForgetStep>(&client->expected.records.front());
    if (step != nullptr && random_.coin()) return step->user;
  }
  return workload_.user_to_forget(model_);
}

/// One of the clients asks for it and waits for the answer.
void Simulation::forget() {
  if (model_.signals().empty()) return;
  const std::string user = user_to_forget();
  const bool is_known = model_.knows_user(user);
  const auto known = model_.known_of(user);
  const bool was_poisoned = poisoned_;
  const Written written = as_appended({ForgetStep{user}});
  const Result<ForgetReply> reply = db::forget_user(*core_, user, next_salt());
  say("forget " + user + ": " + (reply.ok() ? "ok" : reply.error().to_string()));
  if (!is_known) {
    tally_.count(Happening::ForgetRefused);
    if (reply.ok() || reply.error().code != Code::NotFound) fail(Fault::Behaviour, "an unknown user was forgotten");
    return;
  }
  if (was_poisoned) tally_.count(Happening::WriteToPoisoned);
  static_cast<void>(settle_write(reply.ok() ? Status() : Status(reply.error()), written));
  if (!reply.ok() || failed() || power_off_) return;
  tally_.count(Happening::Forgotten);
  if (reply->seqno.value != model_.seqno() || reply->status != "applied") {
    fail(Fault::Model, "forgetting " + user + " was answered " + reply->status + " at seqno " +
                           std::to_string(reply->seqno.value) + ", expected seqno " + std::to_string(model_.seqno()));
  } else if (reply->removed != known) {
    fail(Fault::Model, "forgetting " + user + " removed" + as_text(reply->removed) + ", expected" + as_text(known));
  } else if (one_in(2)) {
    compact();  // before the same key comes back
  }
}

/// The same in two steps, so that others come in between: of two who ask for it, one finds nobody there.
void Simulation::prepare_forgetting(std::size_t client) {
  const std::string user = user_to_forget();
  if (!model_.knows_user(user)) return;
  say("client " + std::to_string(client) + " prepares to forget " + user);
  Pending pending;
  pending.prepared_at = model_.seqno();
  pending.batch.records.push_back(db::erase_record(db::make_erased_user(user, next_salt()), clock_.now()));
  pending.batch.replies.push_back(pending.batch.records.front().reply);
  pending.batch.record_of_reply.push_back(0);
  pending.expected.records.emplace_back(ForgetStep{user});
  pending.expected.statuses.emplace_back("applied");
  pending.expected.record_of_operation.emplace_back(0);
  clients_[client] = std::move(pending);
}

/// Whose records all came before the last time they were forgotten, and when that was. An erasure in doubt does not
/// count; a record in doubt does: the log may hold it.
Simulation::SeqnoByUser Simulation::forgotten_users() const {
  SeqnoByUser forgotten;
  std::uint64_t seqno = 0;
  for (const Written& batch : written_) {
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      ++seqno;
      if (const auto* step = std::get_if<ForgetStep>(&batch.records[i])) {
        if (batch.outcomes[i] == Outcome::Applied) forgotten[step->user] = seqno;
      } else {
        forgotten.erase(named_user(batch.records[i]));
      }
    }
  }
  if (in_doubt_) {
    for (const LogRecord& record : in_doubt_->records) forgotten.erase(named_user(record));
  }
  return forgotten;
}

/// S9. `forgotten`: before the compaction began; whoever came back since, even to be forgotten again, is for the next.
void Simulation::seek_forgotten(const SeqnoByUser& forgotten) {
  const SeqnoByUser still = forgotten_users();
  std::vector<std::string> sought;
  for (const auto& [user, seqno] : forgotten) {
    // What was put back behind the open database is not in its list of archives, and so was not rewritten.
    if (lacks_archive_) beyond_reach_.insert(user);
    const auto found = still.find(user);
    const bool came_back = found == still.end() || found->second != seqno;
    if (!came_back && !beyond_reach_.contains(user)) sought.push_back(user);
  }
  if (sought.empty()) return;
  tally_.count(Happening::KeySought);
  const bool was_quiet = std::exchange(quiet_, true);
  const Result<StoredFiles> files = files_below(fs_, kPath);
  if (!files.ok()) fail(Fault::Behaviour, "the harness could not read files: " + files.error().to_string());
  for (const auto& [path, content] : files.ok() ? *files : StoredFiles()) {
    const Result<std::string> text = readable(fs_, path, content);
    if (!text.ok()) fail(Fault::Behaviour, "after a compaction: " + text.error().to_string());
    for (const std::string& user : sought) {
      const bool holds = text.ok() && text->find(user) != std::string::npos;
      if (holds) fail(Fault::Remembered, path + " holds the key " + user + ", who was forgotten");
    }
  }
  quiet_ = was_quiet;
}

}  // namespace tidal::sim
