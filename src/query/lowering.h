// From the flat syntax tree of one statement to its value: tokens become values, clauses find their place.
//
// Internal to the parser. The first thing that cannot be is kept as the error; what follows it does not matter.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "query/ast.h"
#include "query/grammar.h"
#include "query/parser.h"
#include "query/syntax_error.h"

namespace tidal::query {

/// One node of the tree, as a place to read from.
class Ref {
 public:
  Ref(const std::vector<Node>& nodes, std::uint32_t index) : nodes_(&nodes), index_(index) {}
  [[nodiscard]] const Node& node() const { return (*nodes_)[index_]; }
  [[nodiscard]] Tag tag() const { return node().tag; }
  [[nodiscard]] bool is(Tag tag) const { return node().tag == tag; }

  class Iterator {
   public:
    Iterator(const std::vector<Node>* nodes, std::uint32_t index) : nodes_(nodes), index_(index) {}
    Ref operator*() const { return {*nodes_, index_}; }
    Iterator& operator++() {
      index_ = (*nodes_)[index_].next;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return index_ != other.index_; }

   private:
    const std::vector<Node>* nodes_;
    std::uint32_t index_;
  };
  /// Its children, in order.
  [[nodiscard]] Iterator begin() const { return {nodes_, index_ + 1}; }
  [[nodiscard]] Iterator end() const { return {nodes_, node().next}; }
  [[nodiscard]] std::vector<Ref> children() const;
  /// The first child; there must be one.
  [[nodiscard]] Ref first() const { return {*nodes_, index_ + 1}; }
  [[nodiscard]] bool leaf() const { return node().next == index_ + 1; }
  [[nodiscard]] std::optional<Ref> find(Tag tag) const;
  [[nodiscard]] bool has(Tag tag) const { return find(tag).has_value(); }

 private:
  const std::vector<Node>* nodes_;
  std::uint32_t index_;
};

class Lowering {
 public:
  struct Where {
    std::string_view source;   ///< the whole script
    std::uint32_t offset = 0;  ///< of the matched text in it
    std::uint32_t number = 1;  ///< of the statement
  };
  Lowering(Where where, const ParseLimits& limits) : where_(where), limits_(limits) {}

  /// The statement under the root.
  [[nodiscard]] StatementBody statement(Ref root);
  [[nodiscard]] Json json(Ref r);
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  // Tokens (lower_value.cc).
  [[nodiscard]] Span span(Ref r) const;
  [[nodiscard]] std::string_view text(Ref r) const;
  /// Lower case, of a keyword.
  [[nodiscard]] std::string word_of(Ref r) const;
  [[nodiscard]] bool says(Ref r, std::string_view word) const { return word_of(r) == word; }
  void fail(Span span, Complaint complaint);
  [[nodiscard]] Name name(Ref r);
  [[nodiscard]] std::string string(Ref r);
  [[nodiscard]] std::string quoted_text(std::string_view token, Span at);
  void escape(std::string_view token, std::size_t& at, Span place, std::string& out);
  [[nodiscard]] std::string key_text(Ref r);
  [[nodiscard]] std::int64_t whole(Ref r);
  [[nodiscard]] double real(Ref r);
  [[nodiscard]] double percent(Ref r);
  [[nodiscard]] double signed_real(Ref r);
  [[nodiscard]] Duration duration(Ref r);
  [[nodiscard]] Timestamp time(Ref r);
  [[nodiscard]] std::uint32_t version(std::string_view digits, Span at);
  [[nodiscard]] Param param(Ref r) const { return Param{std::string(text(r).substr(1))}; }
  [[nodiscard]] Literal literal(Ref r);
  template <class T, class F>
  [[nodiscard]] Bindable<T> bindable(Ref r, F written) {
    Bindable<T> out;
    out.span = span(r);
    if (r.is(Tag::Param)) {
      out.value = param(r);
    } else {
      out.value = written(r);
    }
    return out;
  }
  [[nodiscard]] Key key(Ref r);
  [[nodiscard]] Text bind_text(Ref r);
  [[nodiscard]] Word word(Ref r);
  [[nodiscard]] Number number(Ref r);
  [[nodiscard]] Whole bind_whole(Ref r);
  [[nodiscard]] Time bind_time(Ref r);
  [[nodiscard]] TimeSpan bind_duration(Ref r);
  [[nodiscard]] ProfileRef profile_ref(Ref r);
  [[nodiscard]] FieldName field_name(Ref r);
  [[nodiscard]] EntityKind kind(Ref r) const;
  [[nodiscard]] WindowRef window(Ref r);
  [[nodiscard]] std::vector<Name> names(Ref parent);
  [[nodiscard]] std::vector<std::string> strings(Ref parent);

  // Expressions (lower_expression.cc).
  [[nodiscard]] Expr expr(Ref r);
  std::uint32_t build(Ref r, std::vector<ExprNode>& nodes);
  std::uint32_t build_flat(Ref r, ExprOp op, std::vector<ExprNode>& nodes);
  std::uint32_t build_chain(Ref r, std::vector<ExprNode>& nodes);
  std::uint32_t build_compare(Ref r, std::vector<ExprNode>& nodes);
  std::uint32_t build_negation(Ref r, std::vector<ExprNode>& nodes);
  std::uint32_t build_path(Ref r, std::vector<ExprNode>& nodes);
  std::uint32_t build_literal(Ref r, std::vector<ExprNode>& nodes);
  void gather(Ref r, ExprOp op, std::vector<Ref>& out) const;
  std::uint32_t push(std::vector<ExprNode>& nodes, ExprNode node, Span at);
  [[nodiscard]] Call call(Ref r);
  [[nodiscard]] std::vector<Call> calls(Ref parent);

  // Queries (lower_query.cc).
  /// Reports the second clause of its kind.
  [[nodiscard]] bool once(bool taken, Ref clause, std::string_view name);
  [[nodiscard]] AnyQuery any_query(Ref r);
  [[nodiscard]] Query query(Ref r);
  [[nodiscard]] Suggest suggest(Ref r);
  void clause(Ref r, Query& q);
  void who_and_what(Ref r, Query& q);
  void order_and_page(Ref r, Query& q);
  void search_clause(Ref r, Query& q);
  void check_query(Ref r, const Query& q);
  [[nodiscard]] KeyList keys(Ref r);
  [[nodiscard]] Cohort cohort(Ref r);
  [[nodiscard]] Within within(Ref r);
  [[nodiscard]] Sort sort(Ref r);
  [[nodiscard]] Explore explore(Ref r);
  [[nodiscard]] With with(Ref r);
  [[nodiscard]] Whole limit(Ref r);
  [[nodiscard]] Explain explain(Ref r);
  [[nodiscard]] History history(Ref r);

  // Writes, control, show (lower_write.cc).
  [[nodiscard]] std::optional<Write> write(Ref r);
  [[nodiscard]] SignalWrite signal_write(Ref r);
  [[nodiscard]] Relate relate(Ref r);
  [[nodiscard]] std::optional<Control> control(Ref r);
  [[nodiscard]] std::optional<Show> show(Ref r);
  [[nodiscard]] std::optional<Change> change(Ref r);

  // Definitions (lower_definition.cc, lower_options.cc).
  [[nodiscard]] std::optional<Define> define(Ref r);
  [[nodiscard]] Alter alter(Ref r);
  [[nodiscard]] Drop drop(Ref r);
  [[nodiscard]] DefineField define_field(Ref r);
  [[nodiscard]] DefineProfile define_profile(Ref r);
  void profile_option(Ref r, DefineProfile& out);
  [[nodiscard]] DefineExperiment define_experiment(Ref r);
  [[nodiscard]] CohortDefinition cohort_definition(Ref r);
  [[nodiscard]] SynonymDefinition synonym(Ref r);
  [[nodiscard]] std::vector<Arm> arms(Ref r);
  [[nodiscard]] std::vector<FieldFlag> field_flags(Ref parent);
  [[nodiscard]] FieldFlag field_flag(Ref r);
  [[nodiscard]] Literal default_literal(Ref r);
  [[nodiscard]] EmbeddingOptions embedding_options(Ref parent);
  [[nodiscard]] SignalOptions signal_options(Ref parent);
  void signal_option(Ref r, SignalOptions& out);
  [[nodiscard]] RelationOptions relation_options(Ref parent);
  [[nodiscard]] DimensionOptions dimension_options(Ref parent);
  [[nodiscard]] Effect effect(Ref r);

  Where where_;
  const ParseLimits& limits_;
  std::size_t within_depth_ = 0;
  std::optional<Error> error_;
};

}  // namespace tidal::query
