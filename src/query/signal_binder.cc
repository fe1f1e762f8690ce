// Signal features: view.count(24h), creator.like.velocity(7d, ago:7d), share.decay_score.
#include <algorithm>
#include <array>

#include "base/time_text.h"
#include "query/expression_binder.h"

namespace tidal::query {
namespace {

struct SignalFunction {
  std::string_view name;
  FeatureRef::Kind kind;
  bool windowed;
};
constexpr std::array kSignalFunctions = {
    SignalFunction{"count", FeatureRef::Kind::Count, true},
    SignalFunction{"unique", FeatureRef::Kind::Unique, true},
    SignalFunction{"sum", FeatureRef::Kind::Sum, true},
    SignalFunction{"mean", FeatureRef::Kind::Mean, true},
    SignalFunction{"velocity", FeatureRef::Kind::Velocity, true},
    SignalFunction{"acceleration", FeatureRef::Kind::Acceleration, true},
    SignalFunction{"decay_score", FeatureRef::Kind::DecayScore, false},
    SignalFunction{"net", FeatureRef::Kind::Net, false},
};

std::vector<std::string> function_names() {
  std::vector<std::string> names;
  for (const auto& f : kSignalFunctions) names.emplace_back(f.name);
  return names;
}

// The width of a window's buckets: a shift is whole buckets, or it would not be the same events.
Duration bucket_of(Window w) {
  switch (w) {
    case Window::Hour: return minutes(1);
    case Window::Month: return days(1);
    default: return hours(1);
  }
}

}  // namespace

std::string declared_windows(const SignalDef& signal) {
  std::string list;
  for (const Window w : signal.windows) list += std::string(window_name(w)) + ", ";
  return list + "all";
}

Status ExpressionBinder::bind_signal(const ExprNode& ast, std::size_t part, EntityKind entity, Owner owner) {
  const Name& name = ast.path[part];
  const Name& function = ast.path[part + 1];
  TIDAL_TRY_ASSIGN(const std::size_t index, find_signal(scope_.context, scope_.schema(), name));
  const SignalDef& def = scope_.schema().signals[index];
  TIDAL_TRY(check_counted(scope_.context, def, name, entity));
  TIDAL_TRY_ASSIGN(FeatureRef feature, signal_feature(ast, function, def, entity));
  feature.signal = static_cast<signal::SignalIndex>(index);
  feature.entity = entity;
  if (feature.kind != FeatureRef::Kind::DecayScore && feature.kind != FeatureRef::Kind::Net) {
    TIDAL_TRY(bind_window(ast, def, feature));
  }
  return push_feature(std::move(feature), owner, Type::Real, ast.span);
}

Result<FeatureRef> ExpressionBinder::signal_feature(const ExprNode& ast, const Name& function, const SignalDef& def,
                                                    EntityKind entity) {
  const auto* found = std::find_if(kSignalFunctions.begin(), kSignalFunctions.end(),
                                   [&](const SignalFunction& f) { return f.name == function.text; });
  if (found == kSignalFunctions.end()) {
    return refuse(scope_.context, function.span, "a signal has no '" + function.text + "'",
                  nearest_remedy(function.text, function_names(), function_names()));
  }
  const std::string call = def.name + "." + function.text;
  if (found->windowed && !ast.call) {
    return refuse(scope_.context, ast.span, call + " needs a window",
                  {.expected = {"("}, .hint = "its windows are " + declared_windows(def)});
  }
  if (!found->windowed && ast.call) {
    return refuse(scope_.context, ast.span, call + " takes no arguments", {.hint = "write " + call});
  }
  const auto is = [&](FeatureRef::Kind kind) { return found->kind == kind; };
  if ((is(FeatureRef::Kind::Sum) || is(FeatureRef::Kind::Mean)) && !def.has_value) {
    return refuse(scope_.context, function.span,
                  "signal '" + def.name + "' declares no VALUE to take a " + function.text + " of",
                  {.hint = "use " + def.name + ".count(…)"});
  }
  if ((is(FeatureRef::Kind::Velocity) || is(FeatureRef::Kind::Acceleration)) && !def.velocity) {
    return refuse(scope_.context, function.span, "signal '" + def.name + "' does not declare VELOCITY",
                  {.hint = "use " + def.name + ".count(…), which orders alike"});
  }
  if (is(FeatureRef::Kind::Unique) && !def.unique) {
    return refuse(scope_.context, function.span, "signal '" + def.name + "' does not declare UNIQUE",
                  {.hint = "ALTER SIGNAL " + def.name + " UNIQUE counts users from then on"});
  }
  if (is(FeatureRef::Kind::Unique) && entity == EntityKind::User) {
    return refuse(scope_.context, function.span, "distinct users are counted of items and creators",
                  {.hint = "use user." + def.name + ".count(…)"});
  }
  if (is(FeatureRef::Kind::Net) && entity != EntityKind::Item) {
    return refuse(scope_.context, function.span, "net is known of items only",
                  {.hint = "use " + def.name + ".count(all)"});
  }
  return FeatureRef{.kind = found->kind};
}

Status ExpressionBinder::bind_window(const ExprNode& ast, const SignalDef& def, FeatureRef& feature) {
  const std::string windows = "the windows of '" + def.name + "' are " + declared_windows(def);
  if (ast.children.empty()) {
    return refuse(scope_.context, ast.span, "a window is missing", {.expected = {"window"}, .hint = windows});
  }
  const ExprNode& argument = ast_.nodes[ast.children[0]];
  const BoundNode& bound = child(ast, 0);
  if (argument.op == ExprOp::Path && raw_[ast.children[0]] != 0 && argument.path[0].text == "all") {
    feature.window = Window::All;
  } else if (bound.op == Op::Const && bound.type == Type::Duration) {
    const auto found = std::find_if(def.windows.begin(), def.windows.end(),
                                    [&](Window w) { return static_cast<double>(window_span(w).us) == bound.constant; });
    if (found == def.windows.end()) {
      const std::string asked = to_string(Duration{static_cast<std::int64_t>(bound.constant)});
      return refuse(scope_.context, argument.span, "signal '" + def.name + "' has no window " + asked,
                    {.expected = {"window"}, .hint = windows});
    }
    feature.window = *found;
  } else {
    return refuse(scope_.context, argument.span, "expected a window", {.expected = {"window"}, .hint = windows});
  }
  const bool rate = feature.kind == FeatureRef::Kind::Velocity || feature.kind == FeatureRef::Kind::Acceleration;
  if (rate && feature.window == Window::All) {
    return refuse(scope_.context, argument.span, "all of time has no velocity",
                  {.expected = {"window"}, .hint = windows});
  }
  if (ast.children.size() == 1) return {};
  const ExprNode& option = ast_.nodes[ast.children[1]];
  if (ast.children.size() > 2 || option.op != ExprOp::Option || option.path[0].text != "ago") {
    return refuse(scope_.context, option.span, "expected ago:<duration>", {.expected = {"ago:"}});
  }
  if (feature.kind == FeatureRef::Kind::Unique) {
    return refuse(scope_.context, option.span, "distinct users are not kept of windows that have passed",
                  {.hint = "count(…, ago:…) is"});
  }
  return bind_ago(ast, option, feature);
}

Status ExpressionBinder::bind_ago(const ExprNode& ast, const ExprNode& option, FeatureRef& feature) const {
  Duration ago;
  if (const auto* param = std::get_if<Param>(&option.literal)) {
    TIDAL_TRY_ASSIGN(const Value value, param_value(scope_.context, *param, option.span));
    const auto* d = std::get_if<Duration>(&value);
    if (d == nullptr) {
      return refuse(scope_.context, option.span, "parameter $" + param->name + " is no duration",
                    {.expected = {"duration"}});
    }
    ago = *d;
  } else {
    const auto* word = std::get_if<std::string>(&option.literal);
    auto parsed = base::parse_duration(word != nullptr ? *word : "");
    if (!parsed.ok()) {
      return refuse(scope_.context, option.span, "ago: takes a duration", {.expected = {"duration"}, .hint = "ago:7d"});
    }
    ago = *parsed;
  }
  if (feature.window == Window::All) {
    return refuse(scope_.context, ast.span, "a count of all time cannot be moved back",
                  {.hint = "name a window before ago:"});
  }
  const Duration bucket = bucket_of(feature.window);
  if (ago.us < 0 || ago.us % bucket.us != 0) {
    return refuse(scope_.context, option.span,
                  "ago:" + to_string(ago) + " is no whole number of the window's " + to_string(bucket) + " buckets");
  }
  const int index = scope_.schema().signal_index(ast.path[ast.path.size() - 2].text);
  const Duration reach =
      scope_.views.ledger(feature.entity).reach(static_cast<signal::SignalIndex>(index), feature.window);
  if (ago > reach) {
    return refuse(
        scope_.context, option.span,
        "ago:" + to_string(ago) + " lies beyond what is kept: this window reaches " + to_string(reach) + " back");
  }
  feature.ago = ago;
  return {};
}

}  // namespace tidal::query
