// One function a kind of reply.
#include "cli/reply_text.h"

#include <algorithm>
#include <set>
#include <type_traits>
#include <variant>

#include "cli/quantity_text.h"

namespace tidal::cli {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

/// How computed figures are written: short for people, exact for programs.
using NumberText = std::string (*)(double);

bool is_number(const Value& value) {
  return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value);
}

/// Names of all fields on the page, in order, and whether each holds only numbers.
std::vector<Column> field_columns(const std::vector<ResultItem>& items, const std::string& title) {
  std::map<std::string, bool, std::less<>> numbers;
  for (const ResultItem& item : items) {
    for (const auto& [name, value] : item.fields) {
      if (name == title || std::holds_alternative<std::monostate>(value)) continue;
      const auto [at, added] = numbers.emplace(name, true);
      at->second = at->second && is_number(value);
    }
  }
  std::vector<Column> columns;
  for (const auto& [name, right] : numbers) columns.push_back({.name = name, .right = right, .whole = right});
  return columns;
}

/// Names of the asked signals and explained contributions, in the order they were asked for.
std::vector<std::string> names_of(const std::vector<ResultItem>& items,
                                  std::vector<std::pair<std::string, double>> ResultItem::*member) {
  std::vector<std::string> names;
  for (const ResultItem& item : items) {
    for (const auto& [name, value] : item.*member) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

std::string find_number(const std::vector<std::pair<std::string, double>>& values, const std::string& name,
                        NumberText number) {
  for (const auto& [known, value] : values) {
    if (known == name) return number(value);
  }
  return "";
}

std::string find_value(const Fields& fields, const std::string& name) {
  const auto at = fields.find(name);
  return at == fields.end() ? "" : value_text(at->second);
}

Table query_table(const QueryReply& reply, const TitleFields& titles, NumberText number) {
  const std::string& title = titles[static_cast<std::size_t>(reply.kind)];
  const bool titled = std::any_of(reply.items.begin(), reply.items.end(), [&title](const ResultItem& item) {
    return !title.empty() && item.fields.find(title) != item.fields.end();
  });
  const bool with_creator =
      std::any_of(reply.items.begin(), reply.items.end(), [](const ResultItem& item) { return !item.creator.empty(); });
  const std::vector<Column> fields = field_columns(reply.items, titled ? title : "");
  const std::vector<std::string> signals = names_of(reply.items, &ResultItem::signals);
  const std::vector<std::string> explained = names_of(reply.items, &ResultItem::explain);

  Table table;
  table.columns.push_back({.name = "rank", .right = true, .whole = true});
  if (titled) table.columns.push_back({.name = title});
  table.columns.push_back({.name = "key", .whole = reply.items.size() > 0 && reply.items.front().key.size() <= 16});
  if (with_creator) table.columns.push_back({.name = "creator"});
  table.columns.insert(table.columns.end(), fields.begin(), fields.end());
  for (const std::string& name : signals) table.columns.push_back({.name = name, .right = true, .whole = true});
  for (const std::string& name : explained) table.columns.push_back({.name = name, .right = true, .whole = true});
  table.columns.push_back({.name = "score", .right = true, .whole = true});

  for (const ResultItem& item : reply.items) {
    std::vector<std::string> row = {std::to_string(item.rank)};
    if (titled) row.push_back(find_value(item.fields, title));
    row.push_back(item.key);
    if (with_creator) row.push_back(item.creator);
    for (const Column& field : fields) row.push_back(find_value(item.fields, field.name));
    for (const std::string& name : signals) row.push_back(find_number(item.signals, name, number));
    for (const std::string& name : explained) row.push_back(find_number(item.explain, name, number));
    row.push_back(number(item.score));
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table rows_table(const RowsReply& reply) {
  Table table;
  for (std::size_t i = 0; i < reply.columns.size(); ++i) {
    const bool numbers = !reply.rows.empty() && std::all_of(reply.rows.begin(), reply.rows.end(), [i](const auto& row) {
      return i < row.size() && (is_number(row[i]) || std::holds_alternative<std::monostate>(row[i]));
    });
    table.columns.push_back({.name = reply.columns[i], .right = numbers, .whole = numbers});
  }
  for (const auto& row : reply.rows) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < reply.columns.size(); ++i) cells.push_back(i < row.size() ? value_text(row[i]) : "");
    table.rows.push_back(std::move(cells));
  }
  return table;
}

std::string vector_text(const std::vector<float>& vector) {
  std::string out = "[";
  for (const float x : vector) out.append(out.size() > 1 ? ", " : "").append(exact_number_text(x));
  return out + "]";
}

/// A line each for what the database has learned of a user, where there is something.
void add_learned(const UserSummary& user, NumberText number, Table& table) {
  const auto add = [&table](std::string name, std::string value) {
    if (!value.empty()) table.rows.push_back({std::move(name), std::move(value)});
  };
  const auto join = [](std::string& list, const std::string& each) { list += (list.empty() ? "" : ", ") + each; };
  if (user.preference_size > 0) {
    add("preference", "vector of " + std::to_string(user.preference_size) + " from " +
                          counted(user.preference_signals, "positive signal") + ", " +
                          counted(user.interest_vectors.size(), "interest vector"));
  }
  std::string interests, creators, marks, relations;
  for (const auto& each : user.interests) join(interests, each.field + " " + each.value + " " + number(each.weight));
  for (const auto& each : user.creators) join(creators, each.name + " " + number(each.weight));
  for (const auto& [name, count] : user.marks) join(marks, name + " " + with_commas(count));
  for (const auto& [name, count] : user.relations) join(relations, name + " " + with_commas(count));
  add("interests", std::move(interests));
  add("creators", std::move(creators));
  add("marks", std::move(marks));
  add("relations", std::move(relations));
}

Table entity_table(const EntityReply& reply, NumberText number) {
  Table table;
  table.columns = {{.name = std::string(kind_name(reply.kind))}, {.name = reply.key}};
  const auto add = [&table](std::string name, std::string value) {
    table.rows.push_back({std::move(name), std::move(value)});
  };
  if (!reply.creator.empty()) add("creator", reply.creator);
  if (reply.created_at) add("created_at", to_string(*reply.created_at));
  for (const auto& [name, value] : reply.fields) add(name, value_text(value));
  for (const EmbeddingReply& each : reply.embeddings) {
    add(each.name, each.vector.empty() ? "vector of " + std::to_string(each.size) : vector_text(each.vector));
  }
  for (const auto& [name, value] : reply.signals) add(name, number(value));
  if (reply.user) add_learned(*reply.user, number, table);
  if (reply.hidden) {
    add("hidden", to_string(reply.hidden->at) + (reply.hidden->reason.empty() ? "" : ", " + reply.hidden->reason));
  }
  return table;
}

void append_node(const PlanNode& node, const std::string& prefix, std::string_view branch, std::string_view below,
                 std::string& out) {
  out.append(prefix).append(branch).append(node.name);
  if (!node.detail.empty()) out.append(" ").append(node.detail);
  if (node.estimate) out.append("  (~").append(with_commas(*node.estimate)).append(")");
  if (node.selectivity) out.append("  passes ").append(number_text(*node.selectivity * 100)).append(" %");
  out.append("\n");
  const std::string deeper = prefix + std::string(below);
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const bool last = i + 1 == node.children.size();
    append_node(node.children[i], deeper, last ? "└─ " : "├─ ", last ? "   " : "│  ", out);
  }
}

void append_plan_rows(const PlanNode& node, std::size_t depth, Table& table) {
  table.rows.push_back({std::to_string(depth), node.name, node.detail,
                        node.estimate ? std::to_string(*node.estimate) : "",
                        node.selectivity ? exact_number_text(*node.selectivity) : ""});
  for (const PlanNode& child : node.children) append_plan_rows(child, depth + 1, table);
}

/// In CSV: nothing when nothing was written.
std::string seqno_text(SeqNo seqno) { return seqno.value > 0 ? std::to_string(seqno.value) : ""; }

std::string one_line(const WriteReply& reply) {
  std::string text = reply.op + " " + reply.status;
  if (reply.seqno.value > 0) text += " at seqno " + with_commas(reply.seqno.value);
  return text + "\n";
}

std::string one_line(const SchemaReply& reply) {
  return reply.op + " " + reply.what + (reply.name.empty() ? "" : " " + reply.name) + ": " + reply.status +
         " (schema version " + std::to_string(reply.schema_version) + ")\n";
}

std::string one_line(const BatchReply& reply) {
  if (reply.op != "commit") return reply.op + "\n";
  std::string text = "commit: " + counted(reply.statements, "statement");
  if (reply.seqno.value > 0) text += " at seqno " + with_commas(reply.seqno.value);
  return text + "\n";
}

std::string one_line(const ForgetReply& reply) {
  std::string removed;
  for (const auto& [what, count] : reply.removed) {
    removed += (removed.empty() ? "" : ", ") + with_commas(count) + " " + what;
  }
  return reply.op + " " + reply.status + " at seqno " + with_commas(reply.seqno.value) + ": removed " + removed +
         "; from the log " + reply.log + "\n";
}

std::string person_text(const Reply& reply, const TitleFields& titles, std::size_t width) {
  return std::visit(Overloaded{[&](const QueryReply& r) {
                                 return r.items.empty() ? "" : render(query_table(r, titles, number_text), width);
                               },
                               [&](const RowsReply& r) {
                                 if (r.text.empty()) return render(rows_table(r), width);
                                 return r.text.back() == '\n' ? r.text : r.text + "\n";
                               },
                               [&](const EntityReply& r) { return render(entity_table(r, number_text), width); },
                               [](const PlanReply& r) {
                                 std::string out;
                                 append_node(r.root, "", "", "", out);
                                 return out;
                               },
                               [](const auto& r) { return one_line(r); }},
                    reply);
}

std::string csv_text(const Reply& reply, const TitleFields& titles) {
  return std::visit(
      Overloaded{[&](const QueryReply& r) { return render_csv(query_table(r, titles, exact_number_text)); },
                 [](const RowsReply& r) { return render_csv(rows_table(r)); },
                 [](const EntityReply& r) { return render_csv(entity_table(r, exact_number_text)); },
                 [](const PlanReply& r) {
                   Table table{{{"depth"}, {"node"}, {"detail"}, {"estimate"}, {"selectivity"}}, {}};
                   append_plan_rows(r.root, 0, table);
                   return render_csv(table);
                 },
                 [](const WriteReply& r) {
                   return render_csv({{{"op"}, {"status"}, {"seqno"}}, {{r.op, r.status, seqno_text(r.seqno)}}});
                 },
                 [](const SchemaReply& r) {
                   return render_csv({{{"op"}, {"what"}, {"name"}, {"status"}, {"schema_version"}},
                                      {{r.op, r.what, r.name, r.status, std::to_string(r.schema_version)}}});
                 },
                 [](const ForgetReply& r) {
                   return render_csv(
                       {{{"op"}, {"status"}, {"seqno"}, {"log"}}, {{r.op, r.status, seqno_text(r.seqno), r.log}}});
                 },
                 [](const BatchReply& r) {
                   return render_csv({{{"op"}, {"statements"}, {"seqno"}},
                                      {{r.op, std::to_string(r.statements), seqno_text(r.seqno)}}});
                 }},
      reply);
}

}  // namespace

TitleFields title_fields(std::string_view schema_text) {
  TitleFields titles;
  while (!schema_text.empty()) {
    const std::size_t end = schema_text.find('\n');
    const std::string_view line = schema_text.substr(0, end);
    schema_text.remove_prefix(end == std::string_view::npos ? schema_text.size() : end + 1);
    constexpr std::string_view kDefine = "DEFINE FIELD ";
    if (line.substr(0, kDefine.size()) != kDefine) continue;
    const std::string_view rest = line.substr(kDefine.size());
    const std::size_t dot = rest.find('.');
    const std::size_t space = rest.find(' ');
    if (dot == std::string_view::npos || space == std::string_view::npos || dot > space) continue;
    if (rest.substr(space, 5) != " TEXT") continue;
    for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
      if (rest.substr(0, dot) == kind_name(static_cast<EntityKind>(kind)) && titles[kind].empty()) {
        titles[kind] = rest.substr(dot + 1, space - dot - 1);
      }
    }
  }
  return titles;
}

std::string value_text(const Value& value) {
  return std::visit(
      Overloaded{[](std::monostate) { return std::string(); }, [](bool b) { return std::string(b ? "true" : "false"); },
                 [](std::int64_t n) { return std::to_string(n); }, [](double d) { return exact_number_text(d); },
                 [](const std::string& s) { return s; },
                 [](const std::vector<std::string>& list) {
                   std::string text;
                   for (const std::string& s : list) text += text.empty() ? s : ", " + s;
                   return text;
                 },
                 [](Timestamp t) { return to_string(t); }, [](Duration d) { return to_string(d); }},
      value);
}

std::string reply_text(const Reply& reply, Format format, const TitleFields& titles, std::size_t width) {
  switch (format) {
    case Format::Table: return person_text(reply, titles, width);
    case Format::Json:
    case Format::Jsonl: return to_json(reply) + "\n";
    case Format::Csv: return csv_text(reply, titles);
  }
  return "";
}

std::string reply_footer(const Reply& reply) {
  const auto lines = [](const std::vector<Warning>& warnings) {
    std::string text;
    for (const Warning& warning : warnings) text += "warning[" + warning.code + "]: " + warning.message + "\n";
    return text;
  };
  return std::visit(
      [&lines](const auto& r) {
        using Type = std::decay_t<decltype(r)>;
        if constexpr (std::is_same_v<Type, QueryReply>) {
          std::string text = lines(r.warnings) + counted(r.items.size(), kind_name(r.kind)) + ", " +
                             counted(r.stats.candidates, "candidate") + ", " + elapsed_text(r.stats.elapsed_us);
          if (r.partial) text += " (partial: the deadline passed)";
          return text + "\n";
        } else if constexpr (std::is_same_v<Type, WriteReply> || std::is_same_v<Type, BatchReply>) {
          return lines(r.warnings) + elapsed_text(r.elapsed_us) + "\n";
        } else {
          return elapsed_text(r.elapsed_us) + "\n";
        }
      },
      reply);
}

}  // namespace tidal::cli
