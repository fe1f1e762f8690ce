// What writes become and change.
#include "test/sim/model.h"

#include <algorithm>

namespace tidal::sim {
namespace {

std::int64_t floor_of(Timestamp at, Duration unit) { return at.us / unit.us - (at.us % unit.us < 0 ? 1 : 0); }
std::int64_t span_of(Timestamp at) { return floor_of(at, minutes(10)); }

/// Of a signal as its caller gave it.
std::string identity_of(const Signal& signal, EntityKind target) {
  if (!signal.idempotency_key.empty()) return "key " + signal.idempotency_key;
  if (!signal.at || signal.user.empty()) return "";
  return signal.kind + " " + std::string(kind_name(target)) + " " + signal.item + " " + signal.user + " " +
         std::to_string(floor_of(*signal.at, seconds(1)));
}

}  // namespace

const SignalDef* Model::signal(const std::string& name) const {
  const auto found = std::find_if(signals_.begin(), signals_.end(), [&](const SignalDef& s) { return s.name == name; });
  return found == signals_.end() ? nullptr : &*found;
}

const FieldDef* Model::field(EntityKind kind, const std::string& name) const {
  const auto found =
      std::find_if(fields_.begin(), fields_.end(), [&](const FieldDef& f) { return f.kind == kind && f.name == name; });
  return found == fields_.end() ? nullptr : &*found;
}

const Model::ModelEntity* Model::find(EntityKind kind, const std::string& key) const {
  const auto found = entities_.find({kind, key});
  return found == entities_.end() ? nullptr : &found->second;
}

bool Model::is_live(EntityKind kind, const std::string& key) const {
  const ModelEntity* entity = find(kind, key);
  return entity != nullptr && entity->live;
}

bool Model::is_live(const EntityId& id, const Staged& staged) const {
  const auto decided = staged.live.find(id);
  return decided != staged.live.end() ? decided->second : is_live(id.first, id.second);
}

std::vector<std::string> Model::live(EntityKind kind) const {
  std::vector<std::string> keys;
  for (const auto& [id, entity] : entities_) {
    if (id.first == kind && entity.live) keys.push_back(id.second);
  }
  return keys;
}

Fields Model::content(EntityKind kind, const std::string& key) const {
  Fields fields = find(kind, key)->fields;
  for (const FieldDef& def : fields_) {
    if (def.kind == kind && !std::holds_alternative<std::monostate>(def.default_value)) {
      fields.emplace(def.name, def.default_value);
    }
  }
  return fields;
}

std::string Model::creator_of(const std::string& item) const { return find(EntityKind::Item, item)->creator; }

std::optional<Timestamp> Model::created_at(EntityKind kind, const std::string& key) const {
  return find(kind, key)->created_at;
}

std::uint64_t Model::import_position(const std::string& id) const {
  const auto found = imports_.find(id);
  return found == imports_.end() ? 0 : found->second;
}

// Preparing: what is refused, and the records of the rest.

ModelBatch Model::prepare(std::span<const Operation> operations, Timestamp now, bool keep_duplicates) const {
  ModelBatch batch;
  Staged staged{.live = {}, .keep_duplicates = keep_duplicates};
  for (const Operation& operation : operations) {
    const std::optional<Code> refused = prepare_one(operation, now, staged, batch);
    if (refused && !batch.refused) batch.refused = refused;
  }
  return batch;
}

std::optional<Code> Model::prepare_one(const Operation& operation, Timestamp now, Staged& staged,
                                       ModelBatch& batch) const {
  const std::size_t records = batch.records.size();
  std::optional<Code> refused;
  if (const auto* signal = std::get_if<Signal>(&operation)) {
    refused = prepare_signal(*signal, now, staged, batch);
  } else if (const auto* put = std::get_if<PutOperation>(&operation)) {
    refused = prepare_put(*put, now, staged, batch);
  } else {
    const auto& del = std::get<DeleteOperation>(operation);
    const EntityId id{del.kind, del.key};
    const bool live = is_live(id, staged);
    batch.statuses.emplace_back(live ? "deleted" : "absent");
    if (live) {
      batch.records.emplace_back(del);
      staged.live[id] = false;
    }
  }
  if (refused) return refused;
  batch.record_of_operation.push_back(batch.records.size() > records ? std::optional(records) : std::nullopt);
  return std::nullopt;
}

std::optional<Code> Model::prepare_signal(const Signal& signal, Timestamp now, Staged& staged,
                                          ModelBatch& batch) const {
  const SignalDef* def = this->signal(signal.kind);
  if (def == nullptr) return Code::InvalidArgument;
  if (signal.value &&
      (!def->has_value || *signal.value < def->value_min || (def->value_max && *signal.value > *def->value_max))) {
    return Code::InvalidArgument;
  }
  if (signal.at && *signal.at - now > settings_.future_tolerance) return Code::InvalidArgument;
  if (!is_live({def->target, signal.item}, staged)) return Code::NotFound;
  if (!signal.user.empty()) {
    const EntityId user{EntityKind::User, signal.user};
    if (!settings_.create_users && !is_live(user, staged)) return Code::NotFound;
    staged.live[user] = true;
  }
  SignalStep record{.signal = signal, .identity = identity_of(signal, def->target), .is_kept = staged.keep_duplicates};
  record.signal.at = signal.at.value_or(now);
  batch.records.emplace_back(std::move(record));
  batch.statuses.emplace_back("applied");
  return std::nullopt;
}

std::optional<Code> Model::prepare_put(const PutOperation& put, Timestamp now, Staged& staged,
                                       ModelBatch& batch) const {
  const bool live = is_live({put.kind, put.key}, staged);
  if (put.update && !live) return Code::NotFound;
  for (const auto& [name, value] : put.entity.fields) {
    if (field(put.kind, name) == nullptr) return Code::InvalidArgument;
  }
  PutOperation record = put;
  record.at = now;
  if (!record.entity.created_at && !record.entity.created_at_open && !record.update) record.entity.created_at = now;
  staged.live[{put.kind, put.key}] = true;
  if (put.entity.creator && !put.entity.creator->empty()) {
    staged.live[{EntityKind::Creator, *put.entity.creator}] = true;
  }
  batch.records.emplace_back(std::move(record));
  batch.statuses.emplace_back(put.update ? "updated" : (live ? "replaced" : "created"));
  return std::nullopt;
}

// Appending: what repeats another event is not written.

std::vector<Place> Model::places(std::span<const LogRecord> records, Timestamp appended) const {
  std::vector<Place> places;
  std::map<std::string, std::uint64_t> of_batch;
  std::uint64_t next = seqno_ + 1;
  for (const LogRecord& record : records) {
    const auto* step = std::get_if<SignalStep>(&record);
    if (step == nullptr || step->identity.empty() || step->is_kept) {
      places.push_back({.seqno = next++});
    } else if (const auto before = of_batch.find(step->identity); before != of_batch.end()) {
      places.push_back({.seqno = before->second, .is_duplicate = true});
    } else if (const std::uint64_t first = first_of(step->identity, appended); first != 0) {
      places.push_back({.seqno = first, .is_duplicate = true});
    } else {
      of_batch.emplace(step->identity, next);
      places.push_back({.seqno = next++});
    }
  }
  return places;
}

/// Within the 10 minutes that `now` lies in and those before them; 0: none.
std::uint64_t Model::first_of(const std::string& identity, Timestamp now) const {
  const auto found = identities_.find(identity);
  if (found == identities_.end()) return 0;
  for (const Appearance& appearance : found->second) {
    if (appearance.span >= span_of(now) - 1) return appearance.seqno;
  }
  return 0;
}

// Applying: what a record changes, or that it is void.

Outcome Model::apply(const LogRecord& record, Timestamp appended) {
  ++seqno_;
  if (const auto* step = std::get_if<SignalStep>(&record)) return apply_signal(*step, appended);
  if (const auto* put = std::get_if<PutOperation>(&record)) return apply_put(*put);
  if (const auto* del = std::get_if<DeleteOperation>(&record)) return apply_delete(*del);
  if (const auto* step = std::get_if<ForgetStep>(&record)) return apply_forget(*step);
  if (const auto* step = std::get_if<SchemaStep>(&record)) {
    apply_schema(*step);
  } else {
    const auto& mark = std::get<ImportMark>(record);
    imports_[mark.id] = std::max(imports_[mark.id], mark.position);
  }
  return Outcome::Applied;
}

Outcome Model::apply_signal(const SignalStep& step, Timestamp appended) {
  const Signal& signal = step.signal;
  const SignalDef& def = *this->signal(signal.kind);
  if (!is_live(def.target, signal.item)) return Outcome::Void;
  if (!signal.user.empty() && !is_live(EntityKind::User, signal.user) && !settings_.create_users) return Outcome::Void;
  Event event{.seqno = seqno_,
              .signal = signal.kind,
              .target = def.target,
              .subject = signal.item,
              .user = signal.user,
              .at = *signal.at,
              .weight = signal.weight,
              .value = signal.value};
  if (def.target == EntityKind::Item) event.creator = creator_of(signal.item);
  if (!signal.user.empty()) revive(EntityKind::User, signal.user, event.at);
  decide_creation(def.target, signal.item, event.at);
  decide_creation(EntityKind::User, signal.user, event.at);
  decide_creation(EntityKind::Creator, event.creator, event.at);
  newest_event_ = events_.empty() ? event.at : std::max(newest_event_, event.at);
  events_.push_back(std::move(event));
  if (!step.identity.empty()) identities_[step.identity].push_back({.span = span_of(appended), .seqno = seqno_});
  return Outcome::Applied;
}

/// A user's signal and an item that names its creator bring them to life.
void Model::revive(EntityKind kind, const std::string& key, Timestamp at) {
  ModelEntity& entity = entities_[{kind, key}];
  if (entity.live) return;
  entity = ModelEntity{.live = true, .created_at = at, .deleted_by = entity.deleted_by};
}

/// An open creation time is that of the earliest signal.
void Model::decide_creation(EntityKind kind, const std::string& key, Timestamp at) {
  const auto found = entities_.find({kind, key});
  if (found == entities_.end() || !found->second.live || !found->second.open) return;
  ModelEntity& entity = found->second;
  if (!entity.created_at || at < *entity.created_at) entity.created_at = at;
}

Outcome Model::apply_put(const PutOperation& put) {
  if (put.update && !is_live(put.kind, put.key)) return Outcome::Void;
  ModelEntity& entity = entities_[{put.kind, put.key}];
  if (put.entity.created_at) {
    entity.open = false;
    entity.created_at = put.entity.created_at;
  } else if (!put.update && !entity.open) {
    entity.open = true;
    entity.created_at.reset();
  }
  if (!put.update) {
    entity.live = true;
    entity.creator.clear();
    entity.fields.clear();
  }
  if (put.entity.creator) entity.creator = *put.entity.creator;
  for (const auto& [name, value] : put.entity.fields) {
    if (std::holds_alternative<std::monostate>(value)) {
      entity.fields.erase(name);
    } else {
      entity.fields[name] = value;
    }
  }
  if (put.entity.creator && !put.entity.creator->empty()) revive(EntityKind::Creator, *put.entity.creator, *put.at);
  return Outcome::Applied;
}

Outcome Model::apply_delete(const DeleteOperation& del) {
  if (!is_live(del.kind, del.key)) return Outcome::Void;
  entities_[{del.kind, del.key}] = ModelEntity{.deleted_by = seqno_};
  return Outcome::Applied;
}

/// What the user did to others stays theirs, by nobody; the same key is somebody new from here on.
Outcome Model::apply_forget(const ForgetStep& step) {
  if (entities_.erase({EntityKind::User, step.user}) == 0) return Outcome::Void;
  for (Event& e : events_) {
    if (e.user != step.user) continue;
    e.user.clear();
    e.of_forgotten = true;
  }
  return Outcome::Applied;
}

void Model::apply_schema(const SchemaStep& step) {
  fields_.insert(fields_.end(), step.fields.begin(), step.fields.end());
  signals_.insert(signals_.end(), step.signals.begin(), step.signals.end());
  if (!step.settings) return;
  settings_ = *step.settings;
  if (settings_.seen_expires.us == 0) {
    keeps_seen_times_.reset();
  } else if (!keeps_seen_times_) {
    keeps_seen_times_ = Keeping{.since_seqno = seqno_, .since = step.at};
  }
}

}  // namespace tidal::sim
