// The draws.
#include "test/sim/workload.h"

namespace tidal::sim {
namespace {

constexpr std::string_view kCategories[] = {"jazz", "rock", "film"};

std::string key(char letter, std::uint64_t i) { return std::string(1, letter) + std::to_string(i); }

SchemaChange change_of(const Model& model, const SettingsChange& settings, Timestamp now) {
  SchemaChange change{.statement = std::string(settings.statement), .step = std::nullopt};
  Settings next = model.settings();
  settings.apply(next);
  if (next != model.settings()) change.step = SchemaStep{.settings = next, .at = now};
  return change;
}

}  // namespace

std::string item_key(std::uint64_t i) { return key('i', i); }
// Long enough to be searched for in files.
std::string user_key(std::uint64_t i) { return key('u', i) + "-of-Tidal-Wave"; }
std::string creator_key(std::uint64_t i) { return key('c', i); }

SchemaChange Workload::first_schema(Timestamp now) {
  SchemaChange change{.statement = "BEGIN; ", .step = SchemaStep{.at = now}};
  for (const Declaration& declaration : first_declarations()) {
    change.statement += std::string(declaration.statement) + "; ";
    change.step->fields.insert(change.step->fields.end(), declaration.fields.begin(), declaration.fields.end());
    change.step->signals.insert(change.step->signals.end(), declaration.signals.begin(), declaration.signals.end());
  }
  change.statement += "COMMIT;";
  return change;
}

SchemaChange Workload::schema_change(const Model& model, Timestamp now) {
  if (random_.below(3) == 0) {
    const std::vector<Declaration>& table = later_declarations();
    const Declaration& declaration = table[random_.below(table.size())];
    SchemaChange change{.statement = std::string(declaration.statement), .step = std::nullopt};
    const bool known = declaration.fields.empty()
                           ? model.signal(declaration.signals.front().name) != nullptr
                           : model.field(declaration.fields.front().kind, declaration.fields.front().name) != nullptr;
    if (!known) change.step = SchemaStep{.fields = declaration.fields, .signals = declaration.signals, .at = now};
    return change;
  }
  const std::vector<SettingsChange>& table = settings_changes();
  return change_of(model, table[random_.below(table.size())], now);
}

SchemaChange Workload::small_log(const Model& model, Timestamp now) {
  const std::vector<SettingsChange>& table = small_log_settings();
  return change_of(model, table[random_.below(table.size())], now);
}

/// Around now: mostly just before it, some long before, a few after it (and beyond what is tolerated).
Timestamp Workload::event_time(Timestamp now) {
  const auto back = [&](Duration most) {
    return now - Duration{static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most.us)))};
  };
  switch (random_.below(10)) {
    case 0: return back(days(70));
    case 1: return back(days(3));
    case 2: return now + Duration{static_cast<std::int64_t>(random_.below(330'000'000))};
    default: return back(hours(2));
  }
}

/// One of the last signals, as it was or as the same event told otherwise.
Signal Workload::repeated() {
  Signal signal = sent_[one_in(2) ? sent_.size() - 1 : random_.below(sent_.size())];
  if (!one_in(3)) return signal;
  signal.weight = 2;
  if (signal.at && signal.idempotency_key.empty()) {
    constexpr std::int64_t kSecondUs = 1'000'000;
    signal.at->us += static_cast<std::int64_t>(random_.below(kSecondUs)) - signal.at->us % kSecondUs;
  }
  return signal;
}

Signal Workload::signal(const Model& model, Timestamp now) {
  constexpr std::size_t kSentMax = 16;
  if (!sent_.empty() && one_in(5)) return repeated();
  Signal signal;
  const std::vector<SignalDef>& defs = model.signals();
  const SignalDef& def = defs[random_.below(defs.size())];
  // Views are what most events are.
  signal.kind = one_in(3) ? "view" : def.name;
  const bool on_creator = model.signal(signal.kind)->target == EntityKind::Creator;
  signal.item = on_creator ? creator_key(random_.below(kCreators)) : item_key(random_.below(kItems));
  // Mostly about what is there, or half of all writes would be refused.
  if (const std::vector<std::string> live = model.live(model.signal(signal.kind)->target);
      !live.empty() && !one_in(12)) {
    signal.item = live[random_.below(live.size())];
  }
  if (one_in(60)) signal.kind = "applause";
  const std::vector<std::string> users = model.live(EntityKind::User);
  const bool known = !model.settings().create_users && !users.empty() && !one_in(12);
  if (!one_in(5)) signal.user = known ? users[random_.below(users.size())] : user_key(random_.below(kUsers));
  if (signal.kind == "completion") signal.value = static_cast<double>(random_.below(102)) / 100;  // 1.01 is refused
  if (signal.kind == "view" && random_.coin()) signal.value = static_cast<double>(random_.below(600));
  if (one_in(4)) signal.weight = static_cast<double>(random_.below(8)) / 2;
  if (!one_in(3)) signal.at = event_time(now);
  if (one_in(3)) signal.idempotency_key = key('k', random_.below(200));
  sent_.push_back(signal);
  if (sent_.size() > kSentMax) sent_.pop_front();
  return signal;
}

Operation Workload::put(bool update, Timestamp now) {
  PutOperation put;
  put.update = update;
  Fields& fields = put.entity.fields;
  const std::uint64_t dice = random_.below(10);
  if (dice < 7) {
    put.key = item_key(random_.below(kItems));
    if (!one_in(4)) put.entity.creator = creator_key(random_.below(kCreators));
    if (update && one_in(6)) put.entity.creator = "";
    if (!one_in(3)) fields["category"] = std::string(kCategories[random_.below(std::size(kCategories))]);
    if (random_.coin()) fields["year"] = static_cast<std::int64_t>(1990 + random_.below(30));
    if (random_.coin()) fields["tags"] = std::vector<std::string>{"a", key('t', random_.below(3))};
    if (one_in(3)) fields["length"] = minutes(1 + static_cast<std::int64_t>(random_.below(9)));
    if (one_in(12)) fields["rating"] = static_cast<double>(random_.below(50)) / 10;
    if (heavy_ || random_.coin()) {
      const std::uint64_t bytes = heavy_ ? 4'000 + random_.below(20'000) : 5 + random_.below(20);
      fields["title"] = std::string(bytes, static_cast<char>('a' + random_.below(26)));
    }
    if (update && one_in(3)) fields["year"] = std::monostate{};
    if (!update && one_in(3)) put.entity.created_at_open = true;
  } else if (dice < 9) {
    put.kind = EntityKind::User;
    put.key = user_key(random_.below(kUsers));
    fields["country"] = std::string(random_.coin() ? "US" : "DE");
  } else {
    put.kind = EntityKind::Creator;
    put.key = creator_key(random_.below(kCreators));
    fields["verified"] = random_.coin();
  }
  if (one_in(5) && !put.entity.created_at_open) put.entity.created_at = event_time(now);
  return put;
}

Operation Workload::removal() {
  const std::uint64_t dice = random_.below(8);
  if (dice == 0) return DeleteOperation{.kind = EntityKind::User, .key = user_key(random_.below(kUsers))};
  if (dice == 1) return DeleteOperation{.kind = EntityKind::Creator, .key = creator_key(random_.below(kCreators))};
  return DeleteOperation{.kind = EntityKind::Item, .key = item_key(random_.below(kItems))};
}

std::string Workload::user_to_forget(const Model& model) {
  std::vector<std::string> known;
  for (std::uint64_t i = 0; i < kUsers; ++i) {
    if (model.knows_user(user_key(i))) known.push_back(user_key(i));
  }
  return known.empty() || one_in(8) ? user_key(random_.below(kUsers)) : known[random_.below(known.size())];
}

std::vector<Operation> Workload::operations(const Model& model, Timestamp now) {
  std::vector<Operation> operations;
  const std::uint64_t count = one_in(3) ? 2 + random_.below(5) : 1;
  // A young database needs something to signal about.
  const std::uint64_t puts = model.live(EntityKind::Item).size() < kItems / 2 ? 60 : 14;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t dice = random_.below(100);
    if (dice < puts) {
      operations.push_back(put(false, now));
    } else if (dice < puts + 8) {
      operations.push_back(put(true, now));
    } else if (dice < puts + 15) {
      operations.push_back(removal());
    } else {
      operations.emplace_back(signal(model, now));
    }
  }
  return operations;
}

}  // namespace tidal::sim
