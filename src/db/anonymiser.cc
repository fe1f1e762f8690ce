// Finding erased users' records and emptying them.
#include "db/anonymiser.h"

#include <algorithm>
#include <string>

#include "schema/change_codec.h"
#include "wal/reader.h"

namespace tidal::db {
namespace {

/// No keys, no payload, no extensions.
void make_empty(wal::Record& record) {
  record.type = wal::RecordType::Empty;
  record.flags = wal::kFlagErased;
  record.subject_key = {};
  record.user_key = {};
  record.payload = {};
  record.extensions.clear();
}

/// Only what names nobody stays: how far an import had come.
void make_anonymous(wal::Record& record) {
  record.flags |= wal::kFlagErased;
  record.user_key = {};
  std::erase_if(record.extensions, [](const wal::Extension& extension) {
    return extension.tag != static_cast<std::uint8_t>(wal::Tag::ImportMark);
  });
}

/// A payload that cannot be read for another reason has no effect, now as on every other replay.
template <class T>
Status refusal_in(SeqNo seqno, const Result<T>& payload) {
  if (payload.ok() || payload.error().code != Code::FailedPrecondition) return {};
  return Error(Code::FailedPrecondition,
               "the record at seqno " + std::to_string(seqno.value) + ": " + payload.error().message);
}

/// What a newer program wrote must not be passed over: the state would lack it.
Status check_known(const wal::WalEvent& event) {
  switch (event.record.type) {
    case wal::RecordType::Signal:
    case wal::RecordType::PutEntity:
    case wal::RecordType::UpdateEntity:
    case wal::RecordType::DeleteEntity:
    case wal::RecordType::ImportMark:
    case wal::RecordType::Unsignal:
    case wal::RecordType::Relate:
    case wal::RecordType::Unrelate:
    case wal::RecordType::Hide:
    case wal::RecordType::Unhide:
    case wal::RecordType::Empty: return {};
    case wal::RecordType::SchemaChange: return refusal_in(event.seqno, schema::decode_change(event.record.payload));
    case wal::RecordType::Erase: return refusal_in(event.seqno, decode_erased_user(event.record.payload));
  }
  return Error(Code::FailedPrecondition,
               "the record at seqno " + std::to_string(event.seqno.value) + " is of type " +
                   std::to_string(static_cast<int>(event.record.type)) +
                   ", which a newer program wrote; this program knows the types 1 to 12 and 15");
}

}  // namespace

void Anonymiser::add(std::span<const wal::WalEvent> events) {
  for (const wal::WalEvent& event : events) {
    if (event.record.type != wal::RecordType::Erase) continue;
    const Result<ErasedUser> user = decode_erased_user(event.record.payload);
    if (user.ok()) users_[user->partition].push_back({event.seqno, *user});  // the other is void for every view too
  }
}

bool Anonymiser::is_erased(std::string_view key, SeqNo seqno) const {
  const auto found = users_.find(wal::partition_of(EntityKind::User, key));
  if (key.empty() || found == users_.end()) return false;
  return std::ranges::any_of(found->second, [&](const Erasure& e) { return seqno < e.at && is_key_of(e.user, key); });
}

bool Anonymiser::edit(wal::WalEvent& event) {
  wal::Record& record = event.record;
  if (record.type == wal::RecordType::Erase) {
    if (!decode_erased_user(record.payload).ok()) return false;
    if ((record.flags & wal::kFlagErased) != 0) return false;
    record.flags |= wal::kFlagErased;
    flagged_.insert(event.seqno);
    return true;
  }
  if (users_.empty()) return false;
  if (record.subject_kind == EntityKind::User && is_erased(record.subject_key, event.seqno)) {
    make_empty(record);
    return true;
  }
  if (!is_erased(record.user_key, event.seqno)) return false;
  if (record.type == wal::RecordType::Signal) {
    make_anonymous(record);
  } else {
    make_empty(record);
  }
  return true;
}

Status check_known(std::span<const wal::WalEvent> events) {
  for (const wal::WalEvent& event : events) TIDAL_TRY(check_known(event));
  return {};
}

Status check_replayable(std::span<const wal::WalEvent> events) {
  for (const wal::WalEvent& event : events) {
    TIDAL_TRY(check_known(event));
    if (!wal::is_anonymous(event.record)) continue;
    return Error(Code::Corruption, "the record at seqno " + std::to_string(event.seqno.value) +
                                       " was made anonymous by an erasure, so no state can be replayed from it: a base "
                                       "or a checkpoint at or after the erasure is needed, and there is none that is "
                                       "sound");
  }
  return {};
}

bool holds_anonymous(const wal::FrameView& frame) {
  wal::RecordCursor cursor(frame.header, frame.body);
  wal::WalEvent event;
  while (cursor.next(event)) {
    if (!check_replayable(std::span(&event, 1)).ok()) return true;
  }
  return false;
}

}  // namespace tidal::db
