// Asking, and comparing answers.
#include "test/sim/questions.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "db/session.h"
#include "query/parser.h"
#include "test/sim/question_table.h"
#include "test/sim/workload.h"

namespace tidal::sim {
namespace {

/// Parsed once a program: the same few hundred statements are asked all the time.
const query::Script& parsed(const std::string& text) {
  static auto* const scripts = new std::map<std::string, query::Script>;
  auto known = scripts->find(text);
  if (known == scripts->end()) {
    Result<query::Script> script = query::parse(text);
    known = scripts->emplace(text, script.ok() ? std::move(script).value() : query::Script{}).first;
  }
  return known->second;
}

Result<Reply> ask(db::Core& core, const std::string& text) {
  const query::Script& script = parsed(text);
  if (script.statements.empty()) return Error(Code::InvalidArgument, "does not parse: " + text);
  const Params params;
  db::Session session(core, params);
  return session.execute(script.statements.front());
}

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

bool agree(double answer, const Score& expected) { return std::abs(answer - expected.value) <= expected.error_max; }

std::string kinds(EntityKind kind) { return std::string(kind_name(kind)) + "s"; }

/// One RETRIEVE.
struct Question {
  const Order* order = nullptr;
  const Condition* condition = nullptr;
  std::string user{};  ///< "" none
  std::uint32_t limit = 20;

  [[nodiscard]] std::string text() const {
    std::string out = "RETRIEVE " + kinds(order->kind);
    if (!user.empty()) out += " FOR USER @" + user;
    if (!condition->text.empty()) out += " FILTER " + std::string(condition->text);
    return out + " SORT BY " + std::string(order->text) + " WITH fields() LIMIT " + std::to_string(limit);
  }
};

struct Candidate {
  std::string key;
  Score score;
};

/// What passes, by brute force.
std::map<std::string, Score> candidates_of(const Question& question, const Model& model, Timestamp now) {
  // A user who is not there has no marks.
  const std::string user = model.is_live(EntityKind::User, question.user) ? question.user : "";
  std::map<std::string, Score> passing;
  for (const std::string& key : model.live(question.order->kind)) {
    const Asked asked{model, question.order->kind, key, user, now};
    if (asked.kind == EntityKind::Item) {
      if (creation_us(asked) > static_cast<double>(now.us)) continue;
      const bool hidden = !user.empty() && model.is_marked(user, key, Mark::Hidden, now);
      if (hidden && !question.condition->wants_hidden) continue;
    }
    if (question.condition->holds(asked)) passing.emplace(key, question.order->score(asked));
  }
  return passing;
}

/// Whether `a` must come before `b` whatever the rounding.
bool surely_before(const Candidate& a, const Candidate& b, bool descending) {
  const double lead = descending ? a.score.value - b.score.value : b.score.value - a.score.value;
  const double doubt = a.score.error_max + b.score.error_max;
  if (doubt == 0 && lead == 0) return a.key < b.key;
  return lead > doubt;
}

std::string compare(const QueryReply& reply, const Question& question, std::map<std::string, Score> passing) {
  const std::size_t wanted = std::min<std::size_t>(question.limit, passing.size());
  if (reply.total_estimate != passing.size()) {
    return "expected " + std::to_string(passing.size()) + " in all, got " + std::to_string(reply.total_estimate);
  }
  if (reply.items.size() != wanted) {
    return "expected " + std::to_string(wanted) + " entries, got " + std::to_string(reply.items.size());
  }
  std::vector<Candidate> page;
  for (const ResultItem& item : reply.items) {
    const auto expected = passing.find(item.key);
    if (expected == passing.end()) return item.key + " is not of those that pass, or comes twice";
    if (!agree(item.score, expected->second)) {
      return item.key + ": expected score " + number(expected->second.value) + ", got " + number(item.score);
    }
    page.push_back({item.key, expected->second});
    passing.erase(expected);
  }
  const bool descending = question.order->descending;
  for (std::size_t i = 1; i < page.size(); ++i) {
    if (surely_before(page[i], page[i - 1], descending)) return page[i].key + " stands behind " + page[i - 1].key;
  }
  for (const auto& [key, score] : passing) {
    if (!page.empty() && surely_before({key, score}, page.back(), descending)) return key + " is not on the page";
  }
  return "";
}

std::string check(db::Core& core, const Model& model, Timestamp now, const Question& question) {
  const std::string text = question.text();
  const Result<Reply> reply = ask(core, text);
  std::string wrong;
  if (model.newest_event() - now > model.settings().past_query_tolerance) {
    if (reply.ok() || reply.error().code != Code::FailedPrecondition) wrong = "expected a refusal: now is in the past";
  } else if (!reply.ok()) {
    wrong = reply.error().to_string();
  } else {
    wrong = compare(std::get<QueryReply>(*reply), question, candidates_of(question, model, now));
  }
  return wrong.empty() ? "" : text + ": " + wrong;
}

/// A signal expression of GET and what it must be.
struct Expression {
  std::string text;
  Score score;
};

std::vector<Expression> expressions_for(const Model& model, EntityKind kind, const std::string& key, Timestamp now) {
  std::vector<Expression> all;
  const auto close = [](double value) { return Score{value, 1e-9 * std::abs(value) + 1e-12}; };
  for (const SignalDef& def : model.signals()) {
    if (kind == EntityKind::Item && def.target != EntityKind::Item) continue;
    if (kind == EntityKind::User && !def.in_scope(Scope::User)) continue;
    const Model::Counted what{kind, key, def.name};
    std::vector<Window> windows = def.windows;
    windows.push_back(Window::All);
    for (const Window window : windows) {
      const std::string in_window = "(" + std::string(window_name(window)) + ")";
      const Model::Span span{.window = window, .now = now};
      all.push_back({def.name + ".count" + in_window, {model.count(what, span), 0}});
      if (def.has_value) {
        all.push_back({def.name + ".sum" + in_window, close(model.sum(what, span))});
        all.push_back({def.name + ".mean" + in_window, close(model.mean(what, span))});
      }
      if (!def.velocity || window == Window::All) continue;
      const double velocity = model.velocity(what, span);
      const double before = model.velocity(what, {.window = window, .now = now, .back = 1});
      all.push_back({def.name + ".velocity" + in_window, close(velocity)});
      all.push_back({def.name + ".acceleration" + in_window, close(velocity - before)});
    }
    const Model::Decayed decayed = model.decay_score(what, now);
    all.push_back({def.name + ".decay_score", {decayed.score, decayed.error_max + 1e-9 * decayed.score + 1e-12}});
    if (kind == EntityKind::Item) all.push_back({def.name + ".net", {model.net(key, def.name), 0}});
  }
  return all;
}

std::string compare(const EntityReply& reply, const Model& model, const std::vector<Expression>& expressions) {
  if (reply.fields != model.content(reply.kind, reply.key)) return "its fields differ";
  if (reply.created_at != model.created_at(reply.kind, reply.key)) return "its creation time differs";
  if (reply.kind == EntityKind::Item && reply.creator != model.creator_of(reply.key)) return "its creator differs";
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    const Expression& expected = expressions[i];
    if (agree(reply.signals.at(i).second, expected.score)) continue;
    return expected.text + ": expected " + number(expected.score.value) + ", got " + number(reply.signals[i].second);
  }
  return "";
}

std::string check_entity(db::Core& core, const Model& model, Timestamp now, EntityKind kind, const std::string& key) {
  std::string text = "GET " + std::string(kind_name(kind)) + " @" + key;
  std::vector<Expression> expressions;
  if (model.is_live(kind, key)) expressions = expressions_for(model, kind, key, now);
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    text += (i == 0 ? " WITH fields(*), signals(" : ", ") + expressions[i].text;
  }
  if (!expressions.empty()) text += ")";
  const Result<Reply> reply = ask(core, text);
  std::string wrong;
  if (!model.is_live(kind, key)) {
    if (reply.ok() || reply.error().code != Code::NotFound) wrong = "expected NotFound: it is not there";
  } else if (!reply.ok()) {
    wrong = reply.error().to_string();
  } else {
    wrong = compare(std::get<EntityReply>(*reply), model, expressions);
  }
  return wrong.empty() ? "" : text.substr(0, 30) + ": " + wrong;
}

/// Before the schema is there, nothing can be asked but whether something is there.
bool has_schema(const Model& model) { return !model.signals().empty(); }

std::uint64_t keys_of(EntityKind kind) {
  if (kind == EntityKind::Item) return kItems;
  return kind == EntityKind::User ? kUsers : kCreators;
}

std::string key_of(EntityKind kind, std::uint64_t i) {
  if (kind == EntityKind::Item) return item_key(i);
  return kind == EntityKind::User ? user_key(i) : creator_key(i);
}

}  // namespace

Status run_script(db::Core& core, std::string_view text) {
  TIDAL_TRY_ASSIGN(const query::Script script, query::parse(text));
  const Params params;
  db::Session session(core, params);
  for (const query::Statement& statement : script.statements) TIDAL_TRY(session.execute(statement));
  return session.finish();
}

std::string ask_one(db::Core& core, const Model& model, Timestamp now, base::Random& random) {
  const auto kind = static_cast<EntityKind>(random.below(kEntityKinds));
  if (!has_schema(model) || random.below(3) == 0) {
    return check_entity(core, model, now, kind, key_of(kind, random.below(keys_of(kind))));
  }
  Question question;
  question.order = &orders()[random.below(orders().size())];
  const bool of_items = question.order->kind == EntityKind::Item;
  question.condition = &conditions()[of_items ? random.below(conditions().size()) : 0];
  // u4 never signals: to it everything is new.
  if (question.condition->of_user || random.coin()) question.user = user_key(random.below(kUsers + 1));
  question.limit = random.coin() ? 20 : 1 + static_cast<std::uint32_t>(random.below(4));
  return check(core, model, now, question);
}

std::string ask_all(db::Core& core, const Model& model, Timestamp now) {
  for (const EntityKind kind : {EntityKind::Item, EntityKind::User, EntityKind::Creator}) {
    for (std::uint64_t i = 0; i < keys_of(kind); ++i) {
      if (std::string wrong = check_entity(core, model, now, kind, key_of(kind, i)); !wrong.empty()) return wrong;
    }
  }
  if (!has_schema(model)) return "";
  for (const Order& order : orders()) {
    const Question question{.order = &order, .condition = &conditions().front()};
    if (std::string wrong = check(core, model, now, question); !wrong.empty()) return wrong;
  }
  for (const Condition& condition : conditions()) {
    for (std::uint64_t u = 0; u < (condition.of_user ? kUsers : 1); ++u) {
      const Question question{.order = &orders().front(), .condition = &condition, .user = user_key(u), .limit = 5};
      if (std::string wrong = check(core, model, now, question); !wrong.empty()) return wrong;
    }
  }
  return "";
}

}  // namespace tidal::sim
