// The grammar of docs/language.md as PEGTL rules, in the order and with the names of that page.
//
// Tokens skip the blanks and comments behind them. Every token that does not fit notes what it would have been; the
// notes at the farthest place make the error. Rules that backtrack leave no nodes behind (see Rewinding).
#include "query/grammar.h"

#include <algorithm>
#include <tao/pegtl.hpp>

#include "schema/validation.h"

namespace tidal::query {
namespace {

namespace pegtl = tao::pegtl;
using pegtl::opt, pegtl::seq, pegtl::sor, pegtl::star, pegtl::one, pegtl::digit, pegtl::plus, pegtl::not_at, pegtl::rep,
    pegtl::list;

using Input = pegtl::memory_input<pegtl::tracking_mode::lazy>;

#include "query/grammar_machinery.inc"

// ---- tokens ---------------------------------------------------------------------------------------------------------

struct WordEnd : not_at<pegtl::identifier_other> {};
struct Digits : plus<digit> {};
struct IdentText : pegtl::identifier {};
struct NumberText : seq<Digits, opt<one<'.'>, Digits>, opt<one<'e', 'E'>, opt<one<'+', '-'>>, Digits>, WordEnd> {};
struct IntText : seq<Digits, WordEnd, not_at<one<'.'>, digit>> {};
struct DurationText
    : seq<Digits, sor<pegtl::string<'u', 's'>, pegtl::string<'m', 's'>, one<'s', 'm', 'h', 'd', 'w'>>, WordEnd> {};
struct Clock : seq<rep<2, digit>, one<':'>, rep<2, digit>, opt<one<':'>, rep<2, digit>, opt<one<'.'>, Digits>>> {};
struct Zone : sor<one<'Z'>, seq<one<'+', '-'>, rep<2, digit>, one<':'>, rep<2, digit>>> {};
struct TimeText
    : seq<rep<4, digit>, one<'-'>, rep<2, digit>, one<'-'>, rep<2, digit>, opt<one<'T'>, Clock, opt<Zone>>, WordEnd> {};
// "--" begins a comment behind a word, too: how a script splits into statements must not depend on what stands there.
struct WordDash : seq<one<'-'>, pegtl::not_at<one<'-'>>> {};
struct WordText : seq<pegtl::identifier_other, star<sor<pegtl::identifier_other, one<'.', '+'>, WordDash>>> {};
struct ParamText : seq<one<'$'>, IdentText> {};
struct ProfileText : seq<IdentText, opt<one<'@'>, Digits, WordEnd>> {};

/// `"…"` with JSON escapes, closed on its line.
struct StringText {
  using rule_t = StringText;
  using subs_t = pegtl::type_list<>;
  TIDAL_RULE_MATCH {
    const std::string_view rest(in.current(), in.size());
    if (rest.empty() || rest[0] != '"') return false;
    const std::size_t n = string_token(rest);
    if (n == 0) {
      st.fail({in.current(), 1, "the string that opens here is not closed",
               "strings end with \" on the same line; \\n is a line break"});
      return false;
    }
    in.bump(n);
    return true;
  }
};

/// `@key` or `@"any key"`.
struct KeyText {
  using rule_t = KeyText;
  using subs_t = pegtl::type_list<StringText>;
  TIDAL_RULE_MATCH {
    const char* begin = in.current();
    const auto rest = [&] { return std::string_view(in.current(), in.size()); };
    if (rest().empty() || rest()[0] != '@') return false;
    in.bump(1);
    const auto bare = [](char c) { return is_word_char(c) || c == '.' || c == '-'; };
    if (!rest().empty() && rest()[0] == '"') {
      if (!TIDAL_SUBMATCH(StringText)) return false;
    } else {
      while (!rest().empty() && bare(rest()[0])) in.bump(1);
    }
    // What follows a bare key directly must end it; otherwise the key is one that needs quotes.
    const auto ends = [](char c) {
      return std::string_view(" \t\r\n\f\v,;()[]{}=<>!+*/").find(c) != std::string_view::npos;
    };
    const auto length = static_cast<std::size_t>(in.current() - begin);
    const bool first_fits = length > 1 && begin[1] != '.' && begin[1] != '-';
    if (first_fits && (rest().empty() || ends(rest()[0]))) return true;
    std::size_t more = 0;
    while (more < rest().size() && !ends(rest()[more]) && rest()[more] != '"') ++more;
    const std::string_view whole(begin, length + more);
    const bool quoted = length > 1 && begin[1] == '"';
    st.fail({begin, whole.size(), quoted ? "a key ends with its closing quote" : "this key needs quotes",
             quoted || whole.size() == 1 ? "a key is written @u1 or @\"any key\""
                                         : "write @\"" + std::string(whole.substr(1)) + "\""});
    return false;
  }
};

/// A reserved word that stands alone is no name but a clause that came too early; `all` is a window.
struct NotReserved {
  using rule_t = NotReserved;
  using subs_t = pegtl::type_list<>;
  TIDAL_RULE_MATCH {
    const std::string_view rest(in.current(), in.size());
    std::size_t n = 0;
    while (n < rest.size() && is_word_char(rest[n])) ++n;
    const std::string_view name = rest.substr(0, n);
    if (!schema::is_reserved(name) || name == "all") return true;
    while (n < rest.size() && (rest[n] == ' ' || (rest[n] >= '\t' && rest[n] <= '\r'))) ++n;
    if (n < rest.size() && (rest[n] == '.' || rest[n] == '(')) return true;
    st.expect(in.current(), "a name", false);
    return false;
  }
};

struct ident : Leaf<Tag::Ident, IdentText, "a name"> {};
struct param : Leaf<Tag::Param, ParamText, "a parameter"> {};
struct string_ : Leaf<Tag::String, StringText, "a string in double quotes"> {};
struct int_ : Leaf<Tag::Int, IntText, "a whole number"> {};
struct number_ : Leaf<Tag::Real, NumberText, "a number"> {};
struct duration_ : Leaf<Tag::Duration, DurationText, "a duration"> {};
struct time_ : Leaf<Tag::Moment, TimeText, "a time"> {};
struct word_ : Leaf<Tag::BareWord, WordText, "a word"> {};
struct percent_ : Leaf<Tag::Percent, seq<NumberText, one<'%'>>, "a percentage"> {};
struct profile_ref : Leaf<Tag::ProfileRef, ProfileText, "a profile's name"> {};
struct version : Leaf<Tag::Version, seq<one<'@'>, Digits, WordEnd>, "a version such as @2"> {};
struct rawkey : Leaf<Tag::RawKey, KeyText, "a key"> {};

struct comma : sign<",", ""> {};
template <class R>
using commas = seq<R, star<comma, R>>;
template <class... Keywords>
struct choice : node<Tag::Choice, sor<Keywords...>> {};
template <Tag T, Fixed Word>
struct mark : node<T, kw<Word>> {};

struct key : expecting<"a key", sor<rawkey, param>> {};
struct keys : expecting<"a list of keys", sor<node<Tag::Keys, sign<"[">, opt<commas<key>>, sign<"]">>, param>> {};
struct text : expecting<"a string in double quotes", sor<string_, param>> {};
struct whole : expecting<"a whole number", sor<int_, param>> {};
struct signed_number : node<Tag::Numeric, opt<node<Tag::Op, sign<"-", "">>>, number_> {};
struct number : expecting<"a number", sor<signed_number, param>> {};
struct time : expecting<"a time", sor<time_, param>> {};
struct duration : expecting<"a duration", sor<duration_, param>> {};
struct vector : expecting<"a vector", sor<node<Tag::Numbers, sign<"[">, commas<number>, sign<"]">>, param>> {};
struct word : expecting<"a word", sor<string_, param, word_>> {};

struct kinds : expecting<"items, users or creators", choice<kw<"items">, kw<"users">, kw<"creators">>> {};
struct kind : expecting<"item, user or creator", choice<kw<"item">, kw<"user">, kw<"creator">>> {};
struct field_name : expecting<"a field such as item.title", node<Tag::FieldName, kind, sign<".">, ident>> {};

// ---- expressions ----------------------------------------------------------------------------------------------------

struct condition;
struct expr;
struct sum;
struct and_;
struct not_;
struct compare;
struct product;
struct unary;
struct primary;
struct query;

template <Fixed S>
struct op : node<Tag::Op, sign<S, "an operator">> {};
/// A word operator, mentioned as an operator but known as a keyword.
template <Fixed Word>
struct op_word : expecting<"an operator", kw<Word>> {};

struct literal : sor<choice<kw<"true">, kw<"false">, kw<"now">>, string_, time_, duration_, number_, rawkey, param> {};
struct signed_value : node<Tag::Neg, sign<"-", "">, sor<duration_, number_>> {};
struct list_element : expecting<"a literal", sor<signed_value, literal>> {};
struct list_
    : expecting<"a list in parentheses", sor<node<Tag::List, sign<"(">, commas<list_element>, sign<")">>, param>> {};
struct option : node<Tag::Option, ident, sign<":", "">, word> {};
struct args : node<Tag::Args, sign<"(", "">, nested<opt<commas<expr>>>, sign<")">> {};
struct path : node<Tag::Path, NotReserved, ident, star<sign<".", "">, ident>, opt<args>> {};
struct parenthesized : seq<sign<"(">, nested<condition>, sign<")">> {};
struct primary : expecting<"a value", sor<parenthesized, option, literal, path>> {};
struct unary : sor<node<Tag::Neg, sign<"-", "">, nested<unary>>, primary> {};
struct product : node<Tag::Product, unary, star<sor<op<"*">, op<"/">>, unary>> {};
struct sum : node<Tag::Sum, product, star<sor<op<"+">, op<"-">>, product>> {};
struct compare_op : sor<op<"<=">, op<">=">, op<"!=">, op<"=">, op<"<">, op<">">> {};
struct negation : opt<node<Tag::Negated, op_word<"NOT">>> {};
struct compare : node<Tag::Compare, sum,
                      opt<sor<seq<compare_op, sum>, node<Tag::In, negation, op_word<"IN">, list_>,
                              node<Tag::All, op_word<"ALL">, list_>,
                              node<Tag::Between, negation, op_word<"BETWEEN">, sum, kw<"AND">, sum>>>> {};
struct not_ : sor<node<Tag::Not, kw<"NOT">, nested<not_>>, compare> {};
struct and_ : node<Tag::And, not_, star<op_word<"AND">, not_>> {};
struct expr : expecting<"an expression", node<Tag::Or, and_, star<op_word<"OR">, and_>>> {};
struct condition : expecting<"a condition", node<Tag::Condition, commas<expr>>> {};

// ---- clauses --------------------------------------------------------------------------------------------------------

struct cohort
    : node<Tag::Cohort, kw<"COHORT">, condition, opt<mark<Tag::Mark, "EXACT">>, opt<mark<Tag::Mark, "STRICT">>> {};
struct window_ : expecting<"a window such as 24h, or all", node<Tag::Window, sor<choice<kw<"all">>, duration>>> {};
struct window : node<Tag::WindowOf, kw<"WINDOW">, window_> {};
struct source : expecting<"a source", node<Tag::Call, ident, opt<args>>> {};
struct sources : commas<source> {};
struct rule : expecting<"a rule", node<Tag::Call, ident, opt<args>, opt<sign<":", "">, word>>> {};
struct rules : commas<rule> {};
struct sort : sor<seq<expr, choice<kw<"ASC">, kw<"DESC">>>, node<Tag::NamedSort, NotReserved, ident, opt<args>>> {};
struct fields_part
    : node<Tag::WithFields, kw<"fields">, sign<"(">, opt<sor<node<Tag::Op, sign<"*">>, commas<ident>>>, sign<")">> {};
struct signals_part : node<Tag::WithSignals, kw<"signals">, sign<"(">, nested<commas<expr>>, sign<")">> {};
struct part : expecting<"fields(…), signals(…), highlights, explain or vectors",
                        sor<fields_part, signals_part, choice<kw<"highlights">, kw<"explain">, kw<"vectors">>>> {};
struct with : node<Tag::With, kw<"WITH">, commas<part>> {};
struct explore : node<Tag::Explore, kw<"EXPLORE">, percent_, opt<kw<"BY">, choice<kw<"thompson">, kw<"epsilon">>>> {};
struct trending_scope : sor<seq<cohort, opt<window>>, seq<window, opt<cohort>>> {};
struct within : node<Tag::Within, kw<"WITHIN">,
                     expecting<"TRENDING, FOLLOWING or a query in parentheses",
                               sor<seq<choice<kw<"TRENDING">>, opt<trending_scope>>, choice<kw<"FOLLOWING">>,
                                   seq<sign<"(">, nested<query>, sign<")">>>>> {};
struct for_user : node<Tag::ForUser, kw<"FOR">, kw<"USER">, key> {};
struct filter : node<Tag::Filter, kw<"FILTER">, condition> {};
struct diversity : node<Tag::Diversity, kw<"DIVERSITY">, rules> {};
struct from : node<Tag::From, kw<"FROM">, sources> {};
struct limit : node<Tag::Limit, kw<"LIMIT">, whole> {};
struct clause_any
    : sor<for_user, node<Tag::ForItem, kw<"FOR">, kw<"ITEM">, key>, node<Tag::Context, kw<"CONTEXT">, ident>,
          node<Tag::UsingProfile, kw<"USING">, kw<"PROFILE">, profile_ref>,
          node<Tag::SimilarTo, kw<"SIMILAR">, kw<"TO">, commas<key>>, from, filter,
          node<Tag::Exclude, kw<"EXCLUDE">, keys>, cohort, window, within,
          node<Tag::SortBy, kw<"SORT">, kw<"BY">, sort>, diversity, explore,
          node<Tag::MinScore, kw<"MIN">, kw<"SCORE">, expr>, with,
          node<Tag::RecordImpressions, kw<"RECORD">, kw<"IMPRESSIONS">>, node<Tag::AsOf, kw<"AS">, kw<"OF">, time>,
          node<Tag::Deadline, kw<"DEADLINE">, duration>, node<Tag::After, kw<"AFTER">, text>, limit> {};
struct clause : expecting<"a clause", clause_any> {};

struct facet : node<Tag::Facet, ident, opt<sign<":", "">, int_>> {};
struct search_clause
    : expecting<"a clause", sor<node<Tag::QueryText, kw<"QUERY">, text>,
                                node<Tag::VectorOf, kw<"VECTOR">, opt<node<Tag::Slot, ident, sign<":">>>, vector>,
                                node<Tag::Facets, kw<"FACETS">, commas<facet>>, clause_any>> {};
struct retrieve : node<Tag::Retrieve, kw<"RETRIEVE">, kinds, star<clause>> {};
struct search : node<Tag::Search, kw<"SEARCH">, kinds, star<search_clause>> {};
struct suggest : node<Tag::Suggest, kw<"SUGGEST">, text, star<expecting<"a clause", sor<for_user, limit>>>> {};
struct query : expecting<"a query", sor<retrieve, search, suggest>> {};

struct history
    : node<Tag::History, kw<"HISTORY">, kw<"OF">, commas<ident>, kw<"ON">, opt<kind>, key,
           star<expecting<"a clause", sor<window, node<Tag::By, kw<"BY">, choice<kw<"minute">, kw<"hour">, kw<"day">>>,
                                          node<Tag::Until, kw<"UNTIL">, time>, cohort>>>> {};
struct explain : node<Tag::Explain, kw<"EXPLAIN">,
                      sor<seq<kw<"ITEM">, key, kw<"IN">, query>, seq<opt<mark<Tag::Mark, "ANALYZE">>, query>>> {};

// ---- JSON -----------------------------------------------------------------------------------------------------------

struct JsonNumberText : seq<opt<one<'-'>>, sor<seq<one<'0'>>, seq<pegtl::range<'1', '9'>, star<digit>>>,
                            opt<one<'.'>, Digits>, opt<one<'e', 'E'>, opt<one<'+', '-'>>, Digits>, WordEnd> {};
struct JsonWordText : seq<sor<pegtl::string<'t', 'r', 'u', 'e'>, pegtl::string<'f', 'a', 'l', 's', 'e'>,
                              pegtl::string<'n', 'u', 'l', 'l'>>,
                          WordEnd> {};
struct json_object;
struct json_array;
struct json_value : expecting<"a JSON value", sor<string_, Leaf<Tag::JsonNumber, JsonNumberText, "a number">,
                                                  Leaf<Tag::JsonWord, JsonWordText, "true, false or null">, param,
                                                  nested<json_object>, nested<json_array>>> {};
struct json_name : Leaf<Tag::String, StringText, "a member's name in double quotes"> {};
struct json_member : node<Tag::JsonMember, json_name, sign<":">, json_value> {};
struct json_array : node<Tag::JsonArray, sign<"[">, opt<seq<json_value, star<sign<",">, json_value>>>, sign<"]">> {};
struct json_object : node<Tag::JsonObject, sign<"{", "a JSON object">,
                          opt<seq<json_member, star<sign<",">, json_member>>>, sign<"}">> {};

// ---- writes, control, show ------------------------------------------------------------------------------------------

struct at_time : node<Tag::AtTime, kw<"AT">, time> {};
struct by_user : node<Tag::ByUser, kw<"BY">, key> {};
struct weight : node<Tag::WeightIs, kw<"WEIGHT">, number> {};
struct signal_write : node<Tag::SignalWrite, kw<"SIGNAL">, ident, kw<"ON">, key,
                           star<expecting<"a clause", sor<by_user, node<Tag::ValueIs, kw<"VALUE">, number>, weight,
                                                          at_time, node<Tag::EventKey, kw<"KEY">, text>,
                                                          node<Tag::EventContext, kw<"CONTEXT">, json_object>>>>> {};
struct write : sor<signal_write, node<Tag::Unsignal, kw<"UNSIGNAL">, ident, kw<"ON">, key, by_user, opt<at_time>>,
                   node<Tag::Put, kw<"PUT">, kind, key, json_object>,
                   node<Tag::Update, kw<"UPDATE">, kind, key, json_object>, node<Tag::Delete, kw<"DELETE">, kind, key>,
                   node<Tag::Relate, kw<"RELATE">, key, ident, key, star<expecting<"a clause", sor<weight, at_time>>>>,
                   node<Tag::Unrelate, kw<"UNRELATE">, key, ident, key, opt<at_time>>,
                   node<Tag::Hide, kw<"HIDE">, kind, key, opt<node<Tag::Reason, kw<"REASON">, text>>>,
                   node<Tag::Unhide, kw<"UNHIDE">, kind, key>, node<Tag::Forget, kw<"FORGET">, kw<"USER">, key>> {};
struct control
    : sor<mark<Tag::Begin, "BEGIN">, mark<Tag::Commit, "COMMIT">, mark<Tag::Rollback, "ROLLBACK">,
          node<Tag::Get, kw<"GET">, kind, key, opt<with>>, node<Tag::Export, kw<"EXPORT">, kw<"USER">, key>,
          node<Tag::CancelMigration, kw<"CANCEL">, kw<"MIGRATION">, whole>, node<Tag::Help, kw<"HELP">, opt<ident>>> {};
struct show_what
    : sor<node<Tag::ShowChanges, kw<"SCHEMA">, kw<"CHANGES">>,
          node<Tag::ShowSchema, kw<"SCHEMA">, opt<kw<"VERSION">, int_>>,
          node<Tag::ShowRelations, kw<"RELATIONS">, kw<"OF">, opt<kind>, key>,
          node<Tag::ShowProfile, kw<"PROFILE">, profile_ref>, node<Tag::ShowCohort, kw<"COHORT">, ident>,
          node<Tag::ShowExperiment, kw<"EXPERIMENT">, ident>,
          node<Tag::ShowList,
               choice<kw<"FIELDS">, kw<"SIGNALS">, kw<"PROFILES">, kw<"COHORTS">, kw<"EXPERIMENTS">, kw<"MIGRATIONS">,
                      kw<"SETTINGS">, kw<"STATS">, kw<"SORTS">, kw<"FILTERS">, kw<"FEATURES">, kw<"SOURCES">>>> {};
struct show : seq<kw<"SHOW">, expecting<"what to show", show_what>> {};

// ---- definitions ----------------------------------------------------------------------------------------------------

struct field_type
    : expecting<
          "KEYWORD, KEYWORD[], TEXT, INT, FLOAT, BOOL, TIMESTAMP or DURATION",
          node<Tag::FieldType,
               choice<kw<"KEYWORD">, kw<"TEXT">, kw<"INT">, kw<"FLOAT">, kw<"BOOL">, kw<"TIMESTAMP">, kw<"DURATION">>,
               opt<node<Tag::Mark, sign<"[", "">, sign<"]">>>>> {};
struct signed_literal
    : expecting<"a literal", sor<seq<node<Tag::Op, sign<"-", "">>, sor<duration_, number_>>, literal>> {};
struct field_flag
    : expecting<"a flag", sor<node<Tag::Flag, choice<kw<"INDEXED">, kw<"DIMENSION">, kw<"INTEREST">, kw<"REQUIRED">>>,
                              node<Tag::Flag, choice<kw<"SEARCHABLE">>, opt<node<Tag::Boost, kw<"BOOST">, number_>>,
                                   opt<node<Tag::Language, kw<"LANGUAGE">, string_>>>,
                              node<Tag::Default, kw<"DEFAULT">, signed_literal>>> {};
struct embed_opt
    : expecting<"an option", sor<node<Tag::Size, kw<"SIZE">, int_>,
                                 node<Tag::Metric, kw<"METRIC">, choice<kw<"cosine">, kw<"dot">, kw<"l2">>>,
                                 node<Tag::Storage, kw<"STORAGE">, choice<kw<"f32">, kw<"f16">, kw<"i8">>>,
                                 mark<Tag::Rescore, "RESCORE">, mark<Tag::Preference, "PREFERENCE">>> {};
struct when : node<Tag::When, kw<"WHEN">, expr> {};
struct effect_sign : expecting<"+ or -", sor<node<Tag::Op, sign<"+">>, node<Tag::Op, sign<"-">>>> {};
struct effect
    : expecting<"preference, creator, affinity or mark",
                node<Tag::Effect,
                     sor<seq<choice<kw<"preference">, kw<"creator">, kw<"affinity">>, effect_sign, product, opt<when>>,
                         seq<choice<kw<"mark">>, ident, opt<when>>>>> {};
struct bound : node<Tag::Numeric, opt<node<Tag::Op, sign<"-", "">>>, number_> {};
struct decay
    : expecting<
          "none, exponential(…) or linear(…)",
          sor<choice<kw<"none">>, seq<choice<kw<"exponential">, kw<"linear">>, sign<"(">, duration_, sign<")">>>> {};
struct scope : expecting<"global, cohort or user", choice<kw<"global">, kw<"cohort">, kw<"user">>> {};
struct signal_opt_any
    : sor<node<Tag::Role, kw<"ROLE">, commas<ident>>, node<Tag::Value, kw<"VALUE">, bound, sign<"..">, opt<bound>>,
          node<Tag::Decay, kw<"DECAY">, decay>, node<Tag::Windows, kw<"WINDOWS">, commas<duration_>>,
          mark<Tag::Velocity, "VELOCITY">, mark<Tag::Unique, "UNIQUE">, node<Tag::Scope, kw<"SCOPE">, commas<scope>>,
          node<Tag::Effects, kw<"EFFECTS">, commas<effect>>> {};
struct signal_opt : expecting<"an option", signal_opt_any> {};
struct relation_opt
    : expecting<"an option", sor<node<Tag::Excludes, kw<"EXCLUDES">, choice<kw<"always">, kw<"feeds">>>,
                                 node<Tag::HalfLife, kw<"HALF">, kw<"LIFE">, duration_>, signal_opt_any>> {};
struct bucket
    : node<Tag::Bucket, sor<string_, word_>, opt<sign<"(", "">, commas<expecting<"a literal", literal>>, sign<")">>> {};
struct dim_opt
    : expecting<"an option",
                sor<node<Tag::Alias, kw<"ALIAS">, commas<ident>>, node<Tag::Buckets, kw<"BUCKETS">, commas<bucket>>>> {
};
struct profile_opt
    : expecting<
          "a stage or an option",
          sor<from,
              node<Tag::Stage,
                   choice<kw<"BASE">, kw<"PERSONAL">, kw<"RELATION">, kw<"SIGNALS">, kw<"RECENCY">, kw<"PENALTY">>,
                   expr>,
              node<Tag::Gate, kw<"GATE">, condition>, node<Tag::ColdStart, kw<"COLD">, kw<"START">, rules>,
              node<Tag::Compose, kw<"COMPOSE">, expr>,
              node<Tag::Explore, kw<"EXPLORE">, percent_, opt<kw<"BY">, choice<kw<"thompson">, kw<"epsilon">>>,
                   opt<node<Tag::PerCreator, kw<"PER">, kw<"CREATOR">, percent_>>>,
              diversity, mark<Tag::Draft, "DRAFT">>> {};
struct arms : node<Tag::Split, kw<"SPLIT">, commas<node<Tag::Arm, profile_ref, sign<":">, int_>>> {};
struct strings : commas<string_> {};
struct cohort_body : seq<kw<"COHORT">, ident, kw<"AS">, condition, opt<node<Tag::Until, kw<"UNTIL">, condition>>,
                         opt<node<Tag::Backfill, kw<"BACKFILL">, opt<duration_>>>> {};
struct synonym_body
    : seq<kw<"SYNONYM">, ident, kw<"AS">, node<Tag::As, strings>, opt<node<Tag::To, kw<"TO">, strings>>> {};
struct on_kinds : node<Tag::On, kw<"ON">, kinds> {};

struct definition
    : sor<node<Tag::Field, kw<"FIELD">, field_name, field_type, star<field_flag>>,
          node<Tag::Embedding, kw<"EMBEDDING">, field_name, star<embed_opt>>,
          node<Tag::Signal, kw<"SIGNAL">, ident, opt<on_kinds>, star<signal_opt>>,
          node<Tag::Relation, kw<"RELATION">, ident, kw<"FROM">, kind, kw<"TO">, kind, star<relation_opt>>,
          node<Tag::Dimension, kw<"DIMENSION">, ident, kw<"ON">, field_name, star<dim_opt>>,
          node<Tag::CohortDefinition, cohort_body>,
          node<Tag::Profile, kw<"PROFILE">, profile_ref, opt<on_kinds>,
               opt<node<Tag::Extends, kw<"EXTENDS">, profile_ref>>, star<profile_opt>>,
          node<Tag::Experiment, kw<"EXPERIMENT">, ident, kw<"ON">, kw<"PROFILE">, ident, arms,
               opt<node<Tag::Outcomes, kw<"OUTCOMES">, commas<ident>>>>,
          node<Tag::Synonym, synonym_body>> {};
struct what_to_define
    : expecting<"FIELD, EMBEDDING, SIGNAL, RELATION, DIMENSION, COHORT, PROFILE, EXPERIMENT or SYNONYM", definition> {};
struct define : seq<kw<"DEFINE">, what_to_define> {};

struct not_word : node<Tag::Negated, kw<"NOT">> {};
template <class R>
struct or_not : sor<node<Tag::Negated, kw<"NOT">, R>, R> {};
struct setting : node<Tag::Option, ident, sign<":">, word> {};
struct alteration
    : sor<node<Tag::Field, kw<"FIELD">, field_name, star<or_not<field_flag>>>,
          node<Tag::Embedding, kw<"EMBEDDING">, field_name, star<embed_opt>>,
          node<Tag::Signal, kw<"SIGNAL">, ident, star<or_not<signal_opt>>>,
          node<Tag::Relation, kw<"RELATION">, ident, star<relation_opt>>,
          node<Tag::Dimension, kw<"DIMENSION">, ident, star<dim_opt>>, node<Tag::CohortDefinition, cohort_body>,
          node<Tag::Serve, kw<"PROFILE">, ident, kw<"SERVE">, version>,
          node<Tag::Experiment, kw<"EXPERIMENT">, ident, sor<arms, mark<Tag::Stop, "STOP">>>,
          node<Tag::Synonym, synonym_body>,
          node<Tag::Settings, kw<"SETTINGS">, commas<expecting<"a setting such as seen_expires:90d", setting>>>> {};
struct force : opt<mark<Tag::Force, "FORCE">> {};
struct alter
    : node<Tag::Alter, kw<"ALTER">,
           expecting<"FIELD, EMBEDDING, SIGNAL, RELATION, DIMENSION, COHORT, PROFILE, EXPERIMENT, SYNONYM or SETTINGS",
                     alteration>,
           opt<node<Tag::FromHistory, kw<"FROM">, kw<"HISTORY">>>, force> {};
struct dropped : sor<node<Tag::Field, kw<"FIELD">, field_name>, node<Tag::Embedding, kw<"EMBEDDING">, field_name>,
                     node<Tag::Profile, kw<"PROFILE">, profile_ref>, node<Tag::Signal, kw<"SIGNAL">, ident>,
                     node<Tag::Relation, kw<"RELATION">, ident>, node<Tag::Dimension, kw<"DIMENSION">, ident>,
                     node<Tag::CohortDefinition, kw<"COHORT">, ident>, node<Tag::Experiment, kw<"EXPERIMENT">, ident>,
                     node<Tag::Synonym, kw<"SYNONYM">, ident>> {};
struct drop
    : node<Tag::Drop, kw<"DROP">,
           expecting<"FIELD, EMBEDDING, SIGNAL, RELATION, DIMENSION, COHORT, PROFILE, EXPERIMENT or SYNONYM", dropped>,
           force> {};

struct change : sor<define, alter, drop, write> {};
struct dry_run : node<Tag::DryRun, kw<"DRY">, kw<"RUN">, expecting<"a change", change>> {};
struct statement
    : expecting<"a statement", sor<explain, dry_run, query, history, write, define, alter, drop, show, control>> {};

struct Ended : Token<pegtl::eof, "the end"> {};
struct whole_statement : seq<Gap, statement, Ended> {};
struct whole_json : seq<Gap, nested<json_object>, Token<pegtl::eof, "the end">> {};

template <class Rule>
Matched run(std::string_view text, std::size_t nesting_max) {
  Matched out;
  // Notes of what was expected cost more than the rest, so they are taken only for a text that does not fit.
  for (const bool noting : {false, true}) {
    Input in(text.data(), text.size(), "");
    State st;
    st.base = text.data();
    st.nesting_max = std::min<std::size_t>(nesting_max, 64);
    st.noting = noting;
    const bool fits = pegtl::parse<Rule, pegtl::nothing, Rewinding>(in, st);
    out.nodes = std::move(st.nodes);
    if (fits) return out;
    out.misfit = std::move(st.misfit);
  }
  return out;
}

}  // namespace

Matched match_statement(std::string_view text, std::size_t nesting_max) {
  return run<whole_statement>(text, nesting_max);
}

Matched match_json(std::string_view text, std::size_t nesting_max) { return run<whole_json>(text, nesting_max); }

std::size_t string_token(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    switch (text[i]) {
      case '"': return i + 1;
      case '\n': return 0;
      case '\\': ++i; break;
      default: break;
    }
  }
  return 0;
}

}  // namespace tidal::query
