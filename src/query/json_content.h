// From the JSON of PUT, UPDATE and import lines to typed entity content, checked against the schema.
//
// Threads: pure functions.
#pragma once

#include "entity/entity_record.h"
#include "query/json.h"
#include "schema/schema.h"
#include "tidal/query.h"
#include "tidal/result.h"

namespace tidal::query {

struct Statement;

/// What the content is read against.
struct ContentRules {
  const schema::Schema& schema;
  EntityKind kind = EntityKind::Item;
  bool update = false;                   ///< null removes a field; REQUIRED fields may be absent
  const Params* params = nullptr;        ///< for `$name` in the object
  const Statement* statement = nullptr;  ///< where the object stands; for positions in errors
};

/// Members `creator`, `created_at`, `fields` and `embedding`; nothing else. Vectors come out as they are written to the
/// log. InvalidArgument naming member path, expected and got.
[[nodiscard]] Result<entity::EntityContent> content_from_json(const Json& object, const ContentRules& rules);

/// The same checks for content that is typed already (the C++ API): declared fields, types, sizes, creator key.
[[nodiscard]] Result<entity::EntityContent> check_content(const entity::EntityContent& content,
                                                          const ContentRules& rules);

}  // namespace tidal::query
