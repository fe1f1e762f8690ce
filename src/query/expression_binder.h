// The second pass over an expression: resolves its names against the schema and checks its types.
//
// No recursion: children stand before their parents, so one walk in order binds everything.
// Threads: pure, but for what it reads of the asking user.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "query/bind_scope.h"
#include "query/bound.h"
#include "query/expression.h"
#include "tidal/result.h"

namespace tidal::query {

class ExpressionBinder {
 public:
  enum class Use : std::uint8_t { Filter, Sort, Signals, MinScore };

  /// Both outlive this.
  ExpressionBinder(const BindScope& scope, const Expr& expression, Use use);

  /// InvalidArgument (an unknown name, a wrong type, an unbound parameter) and FailedPrecondition (not available yet),
  /// with their place; IoError from reading the asking user.
  [[nodiscard]] Result<Bound> bind();

 private:
  // expression_binder.cc
  void find_raw_arguments();
  [[nodiscard]] Status bind_node(std::uint32_t ast_index);
  [[nodiscard]] Status bind_constant(const ExprNode& ast);
  [[nodiscard]] Status bind_arithmetic(const ExprNode& ast);
  [[nodiscard]] Status check_root();
  std::uint32_t push(BoundNode node);
  std::uint32_t push_number(double value, Type type, Span span);
  void fold(BoundNode& node);
  /// A missing constant counts as 0 where it is not compared.
  void settle(std::uint32_t index);
  [[nodiscard]] BoundNode& child(const ExprNode& ast, std::size_t k) { return bound_.nodes[at_[ast.children[k]]]; }
  [[nodiscard]] std::uint32_t child_index(const ExprNode& ast, std::size_t k) const { return at_[ast.children[k]]; }

  // condition_binder.cc
  [[nodiscard]] Status bind_logic(const ExprNode& ast);
  [[nodiscard]] Status bind_comparison(const ExprNode& ast);
  [[nodiscard]] Status bind_in(const ExprNode& ast);
  [[nodiscard]] Status bind_between(const ExprNode& ast);
  [[nodiscard]] Status bind_key_comparison(const ExprNode& ast);
  [[nodiscard]] Status bind_string_comparison(const ExprNode& ast);
  [[nodiscard]] Status bind_string_in(const ExprNode& ast, std::vector<std::string> values);
  [[nodiscard]] Status bind_scalar_in(const ExprNode& ast);
  [[nodiscard]] Status bind_key_in(const ExprNode& ast);
  [[nodiscard]] Result<std::vector<std::string>> string_list(const ExprNode& ast);
  /// Refuses constants that INT fields cannot hold, where a part of a comparison is such a field.
  [[nodiscard]] Status check_int_range(const ExprNode& ast) const;
  [[nodiscard]] const FieldDef* int_field(const ExprNode& ast) const;
  [[nodiscard]] Status require_condition(std::uint32_t index);
  [[nodiscard]] double ordinal_of(const BoundNode& key, EntityKind kind) const;
  void push_field_condition(const FeatureRef& field, std::vector<std::string> values, bool all, bool negated,
                            Span span);
  /// The column that a comparison reads: what is missing stays missing.
  void keep_missing(std::uint32_t index);
  [[nodiscard]] std::int32_t range_set(const BoundNode& field, std::vector<index::NumberRange> ranges, bool negated);
  [[nodiscard]] Error mismatch(Span span, const BoundNode& left, const BoundNode& right) const;

  // path_binder.cc
  [[nodiscard]] Status bind_option(const ExprNode& ast);
  [[nodiscard]] Status bind_relation(const ExprNode& ast, const std::string& name);
  /// Whether the name is that of a feature between the asking user and the candidate.
  [[nodiscard]] bool bind_personal(const ExprNode& ast, Status& status);
  [[nodiscard]] Status bind_path(const ExprNode& ast);
  [[nodiscard]] Status bind_name(const ExprNode& ast);
  void push_flag(Span span, std::string_view name);
  enum class Owner : std::uint8_t { Candidate, Creator, Asker };
  [[nodiscard]] Status bind_field(EntityKind entity, Owner owner, const Name& name, Span span);
  [[nodiscard]] Status bind_user_field(const FieldDef& field, Span span);
  [[nodiscard]] Status bind_owner(const ExprNode& ast);
  [[nodiscard]] Error unknown_name(const ExprNode& ast) const;

  // signal_binder.cc
  [[nodiscard]] Status bind_signal(const ExprNode& ast, std::size_t part, EntityKind entity, Owner owner);
  [[nodiscard]] Result<FeatureRef> signal_feature(const ExprNode& ast, const Name& function, const SignalDef& def,
                                                  EntityKind entity);
  [[nodiscard]] Status bind_window(const ExprNode& ast, const SignalDef& def, FeatureRef& feature);
  [[nodiscard]] Status bind_ago(const ExprNode& ast, const ExprNode& option, FeatureRef& feature) const;
  [[nodiscard]] Status push_feature(FeatureRef feature, Owner owner, Type type, Span span);
  void push_column(FeatureRef feature, Type type, Span span);

  // function_binder.cc
  [[nodiscard]] Status bind_function(const ExprNode& ast);
  [[nodiscard]] Status bind_exists(const ExprNode& ast);
  [[nodiscard]] Status bind_time_of(const ExprNode& ast);
  [[nodiscard]] Status bind_random(const ExprNode& ast);
  [[nodiscard]] Status bind_recency(const ExprNode& ast);
  [[nodiscard]] Status bind_if(const ExprNode& ast);
  [[nodiscard]] Status bind_interest(const ExprNode& ast);
  [[nodiscard]] Status require_arity(const ExprNode& ast, std::size_t least, std::size_t most) const;
  [[nodiscard]] Status require_same_scalars(const ExprNode& ast, std::size_t first);
  [[nodiscard]] Status require_type(const ExprNode& ast, std::size_t argument, Type type);
  [[nodiscard]] Error needs_user(const ExprNode& ast, std::string_view what) const;

  const BindScope& scope_;
  const Expr& ast_;
  const Use use_;
  Bound bound_;
  std::vector<std::uint32_t> at_;  // bound node of each syntax node
  std::vector<char> raw_;          // syntax nodes that are an argument's word: a window `all`, a mark, a field
  enum class Polarity : std::uint8_t { Asserted, Negated, Other };
  std::vector<Polarity> polarity_;  // whether a flag that stands there asks for what it names
};

}  // namespace tidal::query
