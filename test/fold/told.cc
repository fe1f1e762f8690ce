// Reading a log by the rules: who is meant, and what is void.
#include "test/fold/told.h"

#include <algorithm>
#include <utility>

#include "db/edge_record.h"
#include "db/erased_user.h"
#include "db/event_id.h"
#include "schema/change_codec.h"
#include "signal/signal_record.h"
#include "wal/frame.h"
#include "wal/reader.h"

namespace tidal::test::fold {

using wal::RecordType;

Result<Told> Told::from_log(base::FileSystem& fs, const std::string& path) {
  Told told;
  const std::string archive = path + "/archive";
  TIDAL_TRY_ASSIGN(const wal::LogSummary read, wal::read_log(
                                                   fs, path + "/wal",
                                                   [&told](const wal::FrameView& frame) -> Status {
                                                     wal::RecordCursor cursor(frame.header, frame.body);
                                                     wal::WalEvent event;
                                                     while (cursor.next(event)) {
                                                       event.append_time = frame.header.append_time;
                                                       told.take(event);
                                                     }
                                                     return cursor.status();
                                                   },
                                                   fs.exists(archive) ? archive : std::string()));
  if (!read.defects.empty()) return Error(Code::Corruption, read.defects.front().message);
  for (std::size_t i = 0; i < told.happenings.size(); ++i) {
    if (told.happenings[i].seqno != i + 1) return Error(Code::Corruption, "the log has a gap");
  }
  return told;
}

std::vector<Ordinal> Told::all(EntityKind kind) const {
  std::vector<Ordinal> out(keys[static_cast<std::size_t>(kind)].size());
  for (std::uint32_t i = 0; i < out.size(); ++i) out[i] = to_ordinal(i);
  return out;
}

std::string Told::name(EntityKind kind, Ordinal o) const {
  if (o == Ordinal::None) return "nobody";
  const auto& of_kind = keys[static_cast<std::size_t>(kind)];
  return of_kind[to_index(o)].value_or("forgotten") + " (" + std::to_string(to_index(o)) + ")";
}

Ordinal Told::assign(EntityKind kind, std::string_view key) {
  const auto k = static_cast<std::size_t>(kind);
  const auto next = to_ordinal(static_cast<std::uint32_t>(keys[k].size()));
  const auto [at, is_new] = ordinals_[k].try_emplace(std::string(key), next);
  if (is_new) keys[k].emplace_back(key);
  return at->second;
}

Ordinal Told::live_one(EntityKind kind, std::string_view key) const {
  const auto k = static_cast<std::size_t>(kind);
  const auto known = ordinals_[k].find(key);
  if (known == ordinals_[k].end() || !live[k].contains(known->second)) return Ordinal::None;
  return known->second;
}

void Told::absorb(const schema::SchemaChange& change) {
  const auto take_all = [](auto& defs, const auto& changed, const auto& is_same) {
    for (const auto& def : changed) {
      const auto known = std::ranges::find_if(defs, [&](const auto& other) { return is_same(other, def); });
      if (known == defs.end()) {
        defs.push_back(def);
      } else {
        *known = def;
      }
    }
  };
  const auto same_name = [](const auto& a, const auto& b) { return a.name == b.name; };
  const auto same_place = [](const auto& a, const auto& b) { return a.kind == b.kind && a.name == b.name; };
  take_all(definitions.fields, change.fields, same_place);
  take_all(definitions.embeddings, change.embeddings, same_place);
  take_all(definitions.signals, change.signals, same_name);
  take_all(definitions.relations, change.relations, same_name);
  if (change.has_settings) definitions.settings = change.settings;
  ++definitions.version;
}

void Told::take(const wal::WalEvent& event) {
  Happening h{.seqno = event.seqno.value,
              .append_time = event.append_time,
              .at = event.record.event_time,
              .type = event.record.type,
              .kind = event.record.subject_kind};
  h.id = db::event_id_of(event.record);
  for (const wal::Extension& extension : event.record.extensions) {
    if (extension.tag == static_cast<std::uint8_t>(wal::Tag::ImportMark)) h.import_marks.emplace_back(extension.bytes);
  }
  resolve(event.record, h);
  happenings.push_back(std::move(h));
}

void Told::resolve(const wal::Record& record, Happening& h) {
  switch (record.type) {
    case RecordType::Signal: return resolve_signal(record, h);
    case RecordType::Unsignal: return resolve_undo(record, h);
    case RecordType::Relate:
    case RecordType::Unrelate: return resolve_edge(record, h);
    case RecordType::PutEntity:
    case RecordType::UpdateEntity:
    case RecordType::DeleteEntity: return resolve_write(record, h);
    case RecordType::Erase: return resolve_erasure(record, h);
    case RecordType::Hide:
    case RecordType::Unhide:
      h.subject = live_one(record.subject_kind, record.subject_key);
      h.is_void = h.subject == Ordinal::None;
      h.reason = std::string(record.payload);
      return;
    case RecordType::SchemaChange: {
      auto change = schema::decode_change(record.payload);
      h.change = std::make_shared<const schema::SchemaChange>(std::move(change).value());
      return absorb(*h.change);
    }
    case RecordType::ImportMark:
    case RecordType::Empty: return;
  }
}

void Told::resolve_signal(const wal::Record& record, Happening& h) {
  const auto payload = signal::decode_payload(record.payload);
  h.signal = place_of(definitions.signals, payload->name);
  h.subject = live_one(record.subject_kind, record.subject_key);
  h.weight = payload->weight;
  h.value = payload->value;
  h.is_void =
      h.signal == definitions.signals.size() || signal(h).target != record.subject_kind || h.subject == Ordinal::None;
  if (h.is_void) return;
  if (!record.user_key.empty()) {
    h.user = live_one(EntityKind::User, record.user_key);
    if (h.user == Ordinal::None && definitions.settings.create_users) {
      h.user = assign(EntityKind::User, record.user_key);
      alive(EntityKind::User).insert(h.user);
    }
    h.is_void = h.user == Ordinal::None;
  }
  if (!h.is_void && h.kind == EntityKind::Item && creator_of_.contains(h.subject)) h.creator = creator_of_[h.subject];
}

void Told::resolve_undo(const wal::Record& record, Happening& h) {
  const auto payload = db::decode_undo(record.payload);
  h.signal = place_of(definitions.signals, payload->signal);
  h.subject = live_one(record.subject_kind, record.subject_key);
  h.user = live_one(EntityKind::User, record.user_key);
  h.stood = payload->stood;
  h.is_void = h.signal == definitions.signals.size() || h.subject == Ordinal::None || h.user == Ordinal::None ||
              signal(h).target != record.subject_kind;
  if (!h.is_void && h.kind == EntityKind::Item && creator_of_.contains(h.subject)) h.creator = creator_of_[h.subject];
}

void Told::resolve_edge(const wal::Record& record, Happening& h) {
  const auto payload = db::decode_edge(record.payload);
  h.relation = place_of(definitions.relations, payload->relation);
  h.signal = place_of(definitions.signals, payload->relation);
  h.subject = live_one(record.subject_kind, record.subject_key);
  h.stood = payload->stood;
  h.weight = payload->weight;
  h.is_void = true;
  if (h.relation == definitions.relations.size() || h.subject == Ordinal::None) return;
  const RelationDef& relation = definitions.relations[h.relation];
  const bool of_user = relation.from == EntityKind::User;
  if (relation.to != record.subject_kind || payload->from.empty() != of_user) return;
  h.from = live_one(relation.from, of_user ? record.user_key : payload->from);
  if (h.from == Ordinal::None && of_user && h.type == RecordType::Relate && definitions.settings.create_users) {
    h.from = assign(EntityKind::User, record.user_key);
    alive(EntityKind::User).insert(h.from);
  }
  if (of_user) h.user = h.from;
  h.is_void = h.from == Ordinal::None;
  if (!h.is_void && h.kind == EntityKind::Item && creator_of_.contains(h.subject)) h.creator = creator_of_[h.subject];
}

void Told::resolve_write(const wal::Record& record, Happening& h) {
  const bool is_put = record.type == RecordType::PutEntity;
  h.subject = is_put ? assign(h.kind, record.subject_key) : live_one(h.kind, record.subject_key);
  h.is_void = h.subject == Ordinal::None;
  if (h.is_void) return;
  const bool is_item = h.kind == EntityKind::Item;
  if (is_item && creator_of_.contains(h.subject)) h.creator = creator_of_[h.subject];
  if (record.type == RecordType::DeleteEntity) {
    alive(h.kind).erase(h.subject);
    if (is_item) creator_of_.erase(h.subject);
    return;
  }
  h.content = std::make_shared<const entity::EntityContent>(entity::decode_content(record.payload).value());
  alive(h.kind).insert(h.subject);
  if (!is_item) return;
  if (is_put) h.creator = Ordinal::None;
  if (h.content->creator) {
    h.creator = h.content->creator->empty() ? Ordinal::None : assign(EntityKind::Creator, *h.content->creator);
    if (h.creator != Ordinal::None) alive(EntityKind::Creator).insert(h.creator);
  }
  creator_of_.erase(h.subject);
  if (h.creator != Ordinal::None) creator_of_[h.subject] = h.creator;
}

void Told::resolve_erasure(const wal::Record& record, Happening& h) {
  const auto erased = db::decode_erased_user(record.payload);
  auto& known = ordinals_[static_cast<std::size_t>(EntityKind::User)];
  const auto found = std::ranges::find_if(known, [&](const auto& k) { return db::is_key_of(*erased, k.first); });
  h.is_void = found == known.end();
  if (h.is_void) return;
  h.subject = found->second;
  alive(EntityKind::User).erase(h.subject);
  keys[static_cast<std::size_t>(EntityKind::User)][to_index(h.subject)].reset();
  known.erase(found);
}

namespace {

bool meets(const EffectDef& effect, std::optional<double> value) {
  for (const ValueTest& test : effect.when) {
    if (!value) return false;
    const double v = *value;
    const double t = test.threshold;
    switch (test.op) {
      case ValueTest::Op::Eq:
        if (v != t) return false;
        break;
      case ValueTest::Op::Ne:
        if (v == t) return false;
        break;
      case ValueTest::Op::Lt:
        if (v >= t) return false;
        break;
      case ValueTest::Op::Le:
        if (v > t) return false;
        break;
      case ValueTest::Op::Gt:
        if (v <= t) return false;
        break;
      case ValueTest::Op::Ge:
        if (v < t) return false;
        break;
    }
  }
  return true;
}

}  // namespace

Moves Told::moves_of(const Happening& h) const {
  Moves out;
  const bool gives = h.counts();
  const bool takes = (h.is(RecordType::Unsignal) || h.is(RecordType::Unrelate)) && h.stood;
  if (!gives && !takes) return out;
  const bool is_signal = h.type == RecordType::Signal;
  const std::optional<double> value = is_signal ? h.value : std::nullopt;
  for (const EffectDef& effect : signal(h).effects) {
    double rate = effect.rate;
    if (takes) {
      if (effect.times_value || !effect.when.empty()) continue;  // nobody knows the value any more
      rate = -rate;
    } else {
      if (!meets(effect, value)) continue;
      if (is_signal) rate *= h.weight;
      if (effect.times_value) rate *= value.value_or(0);
    }
    if (effect.kind == EffectDef::Kind::Preference) out.preference += rate;
    if (effect.kind == EffectDef::Kind::Creator) out.creator += rate;
    if (effect.kind == EffectDef::Kind::Affinity) out.affinity += rate;
  }
  for (double* each : {&out.preference, &out.creator, &out.affinity}) *each = std::clamp(*each, -1.0, 1.0);
  return out;
}

unsigned Told::marks_of(const Happening& h) const {
  unsigned out = 0;
  if (!h.is(RecordType::Signal)) return out;
  for (const EffectDef& effect : signal(h).effects) {
    if (effect.kind == EffectDef::Kind::Mark && meets(effect, h.value)) out |= 1U << static_cast<unsigned>(effect.mark);
  }
  return out;
}

}  // namespace tidal::test::fold
