// Pages of one list.
#include "query/continuation.h"

#include <cctype>

#include "base/coding.h"
#include "base/hash.h"
#include "query/printer.h"

namespace tidal::query {
namespace {

void encode_value(const Value& value, base::Encoder& out) {
  out.u8(static_cast<std::uint8_t>(value.index()));
  if (const auto* b = std::get_if<bool>(&value)) out.u8(*b ? 1 : 0);
  if (const auto* i = std::get_if<std::int64_t>(&value)) out.i64(*i);
  if (const auto* d = std::get_if<double>(&value)) out.f64(*d);
  if (const auto* s = std::get_if<std::string>(&value)) out.string(*s);
  if (const auto* t = std::get_if<Timestamp>(&value)) out.i64(t->us);
  if (const auto* d = std::get_if<Duration>(&value)) out.i64(d->us);
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    out.varint(list->size());
    for (const std::string& s : *list) out.string(s);
  }
}

// Whether `$name` stands in the text as a whole word. One inside a string binds a parameter too many, never too few.
bool names_param(std::string_view text, std::string_view name) {
  const std::string word = "$" + std::string(name);
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool longer =
        end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_');
    if (!longer) return true;
  }
  return false;
}

}  // namespace

std::string binding_of(const Query& query, const ReadViews& views, const QueryContext& context) {
  Query bound = query;
  bound.limit.reset();
  bound.deadline.reset();
  bound.with.reset();
  bound.after.reset();
  const std::string text = print(bound);
  base::Encoder out;
  out.u32(views.schema->version);
  out.string(text);
  if (context.params != nullptr) {
    for (const auto& [name, value] : *context.params) {
      if (!names_param(text, name)) continue;
      out.string(name);
      if (const Value* plain = value.value()) {
        encode_value(*plain, out);
      } else {
        out.u8(0xFF);
        for (const float x : *value.vector()) out.f64(x);
      }
    }
  }
  return out.take();
}

Result<std::optional<Cursor>> opened_cursor(const Query& query, const ReadViews& views, const QueryContext& context) {
  if (!query.after) return std::optional<Cursor>();
  std::string text;
  if (const auto* written = query.after->written()) {
    text = *written;
  } else {
    TIDAL_TRY_ASSIGN(const Value value, param_value(context, *query.after->param(), query.after->span));
    const auto* s = std::get_if<std::string>(&value);
    if (s == nullptr) return refuse(context, query.after->span, "AFTER takes a cursor", {.expected = {"string"}});
    text = *s;
  }
  auto cursor = open(text, binding_of(query, views, context), context.cursor_key, context.clock_now);
  if (cursor.ok()) return std::optional<Cursor>(std::move(cursor).value());
  if (cursor.error().code != Code::InvalidArgument) return std::move(cursor).error();
  const Error error = std::move(cursor).error();
  return refuse(context, query.after->span, error.message, {.hint = error.detail ? error.detail->hint : ""});
}

Cursor first_cursor(const QueryContext& context) {
  Cursor cursor;
  cursor.now = context.now;
  cursor.issued = context.clock_now;
  cursor.seqno = context.seqno;
  cursor.seed = base::xxh3_64(context.query_id);
  return cursor;
}

void continue_list(Cursor cursor, const Selection& selection, const Query& query, const ReadViews& views,
                   const QueryContext& context, QueryReply& reply) {
  if (selection.page.empty() || !selection.more) return;
  cursor.reached += static_cast<std::uint32_t>(reply.items.size());
  for (const Ranked& ranked : selection.page) {
    cursor.served.push_back(fingerprint(views.entities->key_of(query.kind, ranked.entity)));
  }
  if (cursor.served.size() >= kServedMax) {
    reply.warnings.push_back({"list_end", "the list ends here: one list serves at most " + std::to_string(kServedMax) +
                                              " entities over all its pages"});
    return;
  }
  const Ranked& last = selection.page.back();
  cursor.last_rank = last.rank;
  cursor.last_key = std::string(views.entities->key_of(query.kind, last.entity));
  cursor.last_text = selection.texts.empty() ? "" : selection.texts.back();
  reply.cursor = seal(cursor, binding_of(query, views, context), context.cursor_key);
}

}  // namespace tidal::query
