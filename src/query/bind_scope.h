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

/// The value bound to a parameter; InvalidArgument when there is none.
[[nodiscard]] Result<Value> param_value(const QueryContext& context, const Param& param, Span span);

/// A part of an expression as it was written, for labels; in canonical words when it was built in C++.
[[nodiscard]] std::string words_of(const QueryContext& context, const Expr& expression, std::uint32_t node);

/// "items", "users", "creators".
[[nodiscard]] std::string_view plural(EntityKind kind);
/// "24h, 7d", the windows a signal declares; "none".
[[nodiscard]] std::string declared_windows(const SignalDef& signal);

}  // namespace tidal::query
