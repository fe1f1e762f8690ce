// What the second pass needs to resolve a statement's names, and how it refuses one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "query/expression.h"
#include "query/feature_reader.h"
#include "query/read_views.h"
#include "tidal/result.h"

namespace tidal::query {

/// One statement being bound. Everything referred to outlives it.
struct BindScope {
  const ReadViews& views;
  const QueryContext& context;
  FeatureReader& reader;  ///< reads what belongs to the asking user, once
  EntityKind kind = EntityKind::Item;
  [[nodiscard]] const schema::Schema& schema() const { return *views.schema; }
  [[nodiscard]] bool has_user() const { return reader.has_user(); }
};

/// What would have been right.
struct Remedy {
  std::vector<std::string> expected{};
  std::string nearest{};
  std::string hint{};
};

/// InvalidArgument pointing at `span`.
[[nodiscard]] Error refuse(const QueryContext& context, Span span, std::string message, Remedy remedy = {});
/// FailedPrecondition "<what> is not available yet" pointing at `span`.
[[nodiscard]] Error not_yet(const QueryContext& context, Span span, std::string_view what, std::string hint = {});
/// "did you mean '<nearest>'?" with the nearest of `known`; both empty when none is near.
[[nodiscard]] Remedy nearest_remedy(std::string_view name, const std::vector<std::string>& known,
                                    std::vector<std::string> expected);

/// NotFound pointing at the key.
[[nodiscard]] Error does_not_exist(const QueryContext& context, Span span, EntityKind kind, const std::string& key);

/// The value bound to a parameter; InvalidArgument when there is none.
[[nodiscard]] Result<Value> param_value(const QueryContext& context, const Param& param, Span span);
/// What is written, or bound to the parameter that stands there: "<clause> takes a <type>" when it is of another type.
template <class T>
[[nodiscard]] Result<T> bound_value(const QueryContext& context, const Bindable<T>& written, std::string_view clause,
                                    std::string_view type) {
  if (const T* value = written.written()) return *value;
  TIDAL_TRY_ASSIGN(const Value value, param_value(context, *written.param(), written.span));
  if (const auto* of_type = std::get_if<T>(&value)) return *of_type;
  return refuse(context, written.span, std::string(clause) + " takes a " + std::string(type),
                {.expected = {std::string(type)}});
}

/// Position in the schema; InvalidArgument with the nearest name.
[[nodiscard]] Result<std::size_t> find_signal(const QueryContext& context, const schema::Schema& schema,
                                              const Name& name);
/// InvalidArgument where the signal is not counted by entities of that kind, telling what would be.
[[nodiscard]] Status check_counted(const QueryContext& context, const SignalDef& def, const Name& name,
                                   EntityKind entity);

/// A part of an expression as it was written, for labels; in canonical words when it was built in C++.
[[nodiscard]] std::string words_of(const QueryContext& context, const Expr& expression, std::uint32_t node);

/// "items", "users", "creators".
[[nodiscard]] std::string_view plural(EntityKind kind);
/// "24h, 7d", the windows a signal declares; "none".
[[nodiscard]] std::string declared_windows(const SignalDef& signal);

}  // namespace tidal::query
