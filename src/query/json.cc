// JSON values: reading one object by the statement grammar, and writing it back.
#include "query/json.h"

#include <algorithm>

#include "query/diagnosis.h"
#include "query/lowering.h"
#include "schema/literal_text.h"

namespace tidal::query {

const Json* Json::member(std::string_view name) const {
  for (std::size_t i = 0; i < member_names.size(); ++i) {
    if (member_names[i].text == name) return &items[i];
  }
  return nullptr;
}

Result<Json> parse_json_object(std::string_view text) {
  const ParseLimits limits;
  if (text.size() > limits.statement_bytes * 8) return Error(Code::InvalidArgument, "the object is longer than 8 MiB");
  Span whole;
  whole.length = static_cast<std::uint32_t>(text.size());
  const Matched matched = match_json(text, limits.nesting);
  if (matched.misfit) return diagnose(text, 0, whole, *matched.misfit);
  Lowering::Where where;
  where.source = text;
  where.number = 0;
  Lowering lowering(where, limits);
  Json out = lowering.json(Ref(matched.nodes, 0));
  if (lowering.error()) return *lowering.error();
  return out;
}

std::string to_text(const Json& json) {
  std::string out;
  switch (json.kind) {
    case Json::Kind::Null: return "null";
    case Json::Kind::Bool: return json.boolean ? "true" : "false";
    case Json::Kind::Integer: return std::to_string(json.integer);
    case Json::Kind::Real: return schema::real_text(json.real);
    case Json::Kind::String: return schema::string_text(json.text);
    case Json::Kind::Param: return "$" + json.text;
    case Json::Kind::Array:
      for (const Json& item : json.items) out += (out.empty() ? "" : ",") + to_text(item);
      return "[" + out + "]";
    case Json::Kind::Object:
      for (std::size_t i = 0; i < json.items.size(); ++i) {
        out += (i == 0 ? "" : ",") + schema::string_text(json.member_names[i].text) + ":" + to_text(json.items[i]);
      }
      return "{" + out + "}";
  }
  return out;
}

}  // namespace tidal::query
