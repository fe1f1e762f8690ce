// Small databases for tests: the real views, written to directly, and one call to ask them.
//
// Threads: one test's own.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory_file_system.h"
#include "entity/entity_store.h"
#include "index/field_index.h"
#include "query/empty_loop_for_test.h"
#include "query/engine.h"
#include "query/parser.h"
#include "query/read_views.h"
#include "schema/schema.h"
#include "signal/ledger_set.h"
#include "signal/user_state.h"
#include "storage/backends.h"

namespace tidal::query {

/// 2026-11-22T12:00:00Z: on the boundary of minute and hour buckets.
inline constexpr Timestamp kNoon{1'795'348'800'000'000};

class TestViews {
 public:
  explicit TestViews(schema::Schema schema) : schema_(std::move(schema)) {
    store_ = storage::open_memory_store(files_, "").value();
    entities_ = std::make_unique<entity::EntityStore>(*store_);
    fields_.configure(schema_);
    for (signal::Ledger* ledger : {&ledgers_.items, &ledgers_.users, &ledgers_.creators}) {
      ledger->configure(schema_.signals);
    }
    context_.now = now;
    context_.clock_now = now;
    context_.seqno_now = [this] { return SeqNo{seqno_}; };
    context_.monotonic_us = [this] { return ticks_ += tick_us; };
    context_.params = &params;
    context_.cursor_key = cursor_key;
    context_.query_id = "q1";
  }

  struct Entry {
    EntityKind kind = EntityKind::Item;
    std::string key;
    std::string creator = "";
    std::optional<Timestamp> created_at = kNoon - days(1);
    Fields fields = {};
  };

  Ordinal put(const Entry& entry) {
    const Ordinal o = entities_->assign(entry.kind, entry.key);
    entity::EntityContent content;
    if (!entry.creator.empty()) {
      content.creator = entry.creator;
      const Ordinal creator = entities_->assign(EntityKind::Creator, entry.creator);
      entities_->ensure_live(EntityKind::Creator, creator, stamp());
      fields_.ensure_live(EntityKind::Creator, creator);
    }
    content.created_at = entry.created_at;
    content.fields = entry.fields;
    const std::string bytes = entity::encode_content(content);
    entities_->put(entry.kind, o, entity::split_content(bytes).value(), stamp());
    fields_.put(entry.kind, o, entry.fields);
    return o;
  }
  Ordinal put_item(std::string key, Fields fields = {}) {
    return put({.key = std::move(key), .fields = std::move(fields)});
  }

  void remove(EntityKind kind, std::string_view key) {
    const Ordinal o = entities_->find(kind, key);
    entities_->remove(kind, o, stamp());
    fields_.remove(kind, o);
    ledgers_.of(kind).clear_entity(o);
    if (kind != EntityKind::User) loop_.rollups.erase(kind, o, stamp().seqno);
    if (kind == EntityKind::Item) state_.clear_item(o);
  }

  struct Event {
    std::string signal;
    std::string target;
    std::string user = "";
    Timestamp at = kNoon - minutes(30);
    double weight = 1;
    std::optional<double> value = std::nullopt;
  };

  void signal(const Event& event) {
    const auto index = static_cast<signal::SignalIndex>(schema_.signal_index(event.signal));
    const SignalDef& def = schema_.signals.at(index);
    const auto count = [&](EntityKind kind, Ordinal o) {
      ledgers_.of(kind).record({index, o, event.at, event.weight, event.value.value_or(0)});
      if (kind == EntityKind::User) return;
      loop_.rollups.record(
          {.signal = index, .kind = kind, .entity = o, .at = event.at, .weight = event.weight, .value = event.value},
          stamp().seqno);
    };
    const Ordinal target = entities_->find(def.target, event.target);
    ASSERT_NE(target, Ordinal::None) << event.target;
    count(def.target, target);
    if (def.target == EntityKind::Item && entities_->creator_of(target) != Ordinal::None) {
      count(EntityKind::Creator, entities_->creator_of(target));
    }
    Ordinal user = Ordinal::None;
    if (!event.user.empty()) {
      user = entities_->assign(EntityKind::User, event.user);
      entities_->ensure_live(EntityKind::User, user, stamp());
      fields_.ensure_live(EntityKind::User, user);
      if (def.in_scope(Scope::User)) count(EntityKind::User, user);
    }
    if (def.target == EntityKind::Item) state_.record({index, user, target, event.at, event.value}, def);
  }

  /// Read columns up to date, as the applier keeps them.
  void settle() {
    for (signal::Ledger* ledger : {&ledgers_.items, &ledgers_.users, &ledgers_.creators}) ledger->settle(now);
  }

  [[nodiscard]] ReadViews views() const {
    return loop_.added_to({.schema = &schema_,
                           .entities = entities_.get(),
                           .fields = &fields_,
                           .items = &ledgers_.items,
                           .creators = &ledgers_.creators,
                           .users = &ledgers_.users,
                           .user_state = &state_});
  }

  [[nodiscard]] QueryContext context(std::string_view source) {
    QueryContext context = context_;
    context.now = now;
    context.clock_now = clock_now.value_or(now);
    context.source = source;
    return context;
  }

  Result<QueryReply> ask(std::string_view text) {
    TIDAL_TRY_ASSIGN(const Script script, parse(text));
    return run(std::get<Query>(script.statements.at(0).body), views(), context(text));
  }

  /// Keys of the answer; fails the test on an error.
  std::vector<std::string> keys(std::string_view text) {
    auto reply = ask(text);
    EXPECT_TRUE(reply.ok()) << text << ": " << reply.error().to_string();
    return reply.ok() ? keys_of(*reply) : std::vector<std::string>{};
  }

  static std::vector<std::string> keys_of(const QueryReply& reply) {
    std::vector<std::string> keys;
    for (const ResultItem& item : reply.items) keys.push_back(item.key);
    return keys;
  }

  [[nodiscard]] const schema::Schema& schema() const { return schema_; }
  [[nodiscard]] schema::Schema& mutable_schema() { return schema_; }
  [[nodiscard]] signal::LedgerSet& ledgers() { return ledgers_; }
  [[nodiscard]] entity::EntityStore& entities() { return *entities_; }

  Timestamp now = kNoon;
  std::optional<Timestamp> clock_now;
  std::int64_t tick_us = 1;  ///< how far the steady clock moves each time it is asked
  Params params;
  std::string cursor_key = std::string(32, 'k');

 private:
  entity::EventStamp stamp() { return {SeqNo{++seqno_}, now}; }

  schema::Schema schema_;
  base::MemoryFileSystem files_;
  std::unique_ptr<storage::KeyValueStore> store_;
  std::unique_ptr<entity::EntityStore> entities_;
  index::FieldIndex fields_;
  signal::LedgerSet ledgers_;
  signal::UserState state_;
  EmptyLoop loop_;
  QueryContext context_;
  std::uint64_t seqno_ = 0;
  std::int64_t ticks_ = 0;
};

/// Fields of every type, indexed and not; signals of every role.
inline schema::Schema video_schema() {
  schema::Schema schema;
  schema.version = 1;
  const auto field = [&](EntityKind kind, std::string name, FieldType type, bool indexed, Value fallback = {}) {
    FieldDef def;
    def.kind = kind;
    def.name = std::move(name);
    def.type = type;
    def.indexed = indexed;
    def.default_value = std::move(fallback);
    schema.fields.push_back(std::move(def));
  };
  field(EntityKind::Item, "title", FieldType::Text, false);
  field(EntityKind::Item, "category", FieldType::Keyword, true);
  field(EntityKind::Item, "studio", FieldType::Keyword, false);
  field(EntityKind::Item, "format", FieldType::Keyword, true, std::string("video"));
  field(EntityKind::Item, "tags", FieldType::KeywordList, true);
  field(EntityKind::Item, "labels", FieldType::KeywordList, false);
  field(EntityKind::Item, "length", FieldType::Duration, true);
  field(EntityKind::Item, "price", FieldType::Float, false);
  field(EntityKind::Item, "year", FieldType::Int, true);
  field(EntityKind::Item, "live", FieldType::Bool, true);
  field(EntityKind::Item, "adult", FieldType::Bool, false);
  field(EntityKind::Item, "starts", FieldType::Timestamp, true);
  field(EntityKind::User, "language", FieldType::Keyword, true);
  field(EntityKind::User, "age", FieldType::Int, false);
  field(EntityKind::Creator, "name", FieldType::Text, false);
  field(EntityKind::Creator, "verified", FieldType::Bool, true, false);
  field(EntityKind::Creator, "country", FieldType::Keyword, true);

  const auto signal = [&](std::string name, Role role, std::vector<Window> windows, std::optional<Mark> mark) {
    SignalDef def;
    def.name = std::move(name);
    def.roles = static_cast<std::uint16_t>(role);
    def.windows = std::move(windows);
    def.velocity = true;
    def.decay = {Decay::Kind::Exponential, days(7)};
    def.scopes = static_cast<std::uint8_t>(Scope::Global) | static_cast<std::uint8_t>(Scope::User);
    if (mark) {
      EffectDef effect;
      effect.mark = *mark;
      def.effects.push_back(effect);
    }
    schema.signals.push_back(std::move(def));
  };
  const std::vector<Window> all = {Window::Hour, Window::Day, Window::Week, Window::Month};
  signal("view", Role::View, all, Mark::Seen);
  signal("like", Role::Positive, all, Mark::Liked);
  signal("dislike", Role::Negative, {Window::Day}, Mark::Disliked);
  signal("share", Role::Share, {Window::Day, Window::Week}, Mark::Shared);
  schema.signals.back().unique = true;
  signal("comment", Role::Comment, {}, std::nullopt);
  signal("save", Role::Save, {}, Mark::Saved);
  signal("hide", Role::Impression, {}, Mark::Hidden);
  signal("rating", Role::Impression, {Window::Day}, std::nullopt);
  schema.signals.back().has_value = true;
  schema.signals.back().value_max = 5;
  schema.signals.back().velocity = false;
  signal("visit", Role::Impression, {Window::Day}, std::nullopt);
  schema.signals.back().target = EntityKind::Creator;
  return schema;
}

}  // namespace tidal::query
