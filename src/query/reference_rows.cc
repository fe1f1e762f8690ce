// What SHOW SORTS, FILTERS, FEATURES and SOURCES print: the words of the language with a sentence each.
#include <array>

#include "query/engine.h"
#include "query/sorts.h"

namespace tidal::query {
namespace {

struct Word {
  std::string_view name;
  std::string_view sentence;
};

template <std::size_t n>
RowsReply rows_of(std::string_view column, const std::array<Word, n>& words) {
  RowsReply reply;
  reply.columns = {std::string(column), "meaning"};
  for (const Word& word : words) reply.rows.push_back({std::string(word.name), std::string(word.sentence)});
  return reply;
}

constexpr std::array kFilters = {
    Word{"seen, unseen", "the asking user has seen the item, or not; marks expire by the setting seen_expires"},
    Word{"liked, disliked, saved, shared", "the asking user's standing marks"},
    Word{"completed, in_progress", "how far the asking user got"},
    Word{"hidden", "what the asking user has hidden; only this flag brings it back"},
    Word{"relation:follows", "the asking user has such an edge to the creator (or to the item itself)"},
    Word{"scheduled", "created_at lies after now; only this flag brings such items"},
    Word{"f = v, f != v", "equality; a missing field is neither equal nor unequal"},
    Word{"f < v, <=, >, >=", "order of numbers, times and durations"},
    Word{"f BETWEEN a AND b", "both ends belong to it; NOT BETWEEN is its opposite"},
    Word{"f IN (a, b), f NOT IN (a, b)", "any of the values, or none; on a list field: any of its values"},
    Word{"f ALL (a, b)", "a list field that holds every one of the values"},
    Word{"exists(f)", "the field has a value"},
    Word{"creator = @c, key IN (@a, @b)", "by key"},
    Word{"view.count(24h) >= 100", "any condition over features (SHOW FEATURES)"},
    Word{"AND, OR, NOT, (…)", "a comma is AND and binds loosest"},
};

constexpr std::array kFeatures = {
    Word{"any field", "its value; a missing number counts as its DEFAULT, else 0"},
    Word{"created_at, age", "creation time, and the time since"},
    Word{"key, creator", "for comparison with @keys"},
    Word{"creator.f, user.f", "a field or signal of the item's creator, or of the asking user"},
    Word{"s.count(w)", "events in the window: 1h, 24h, 7d, 30d as declared, or all"},
    Word{"s.sum(w), s.mean(w)", "weighted values of a signal that declares VALUE"},
    Word{"s.unique(w)", "distinct users, of a signal that declares UNIQUE; above 64 an estimate, 3 to 5 % off"},
    Word{"s.velocity(w)", "events a second"},
    Word{"s.acceleration(w)", "velocity of this window less that of the one before"},
    Word{"…(w, ago:d)", "the same window moved back"},
    Word{"s.decay_score", "the decayed score, as of now"},
    Word{"s.net", "users whose signal stands, plus events without a user"},
    Word{"preference_match", "cosine of the item with the nearest of what the asking user likes, -1 to 1"},
    Word{"creator_affinity, item_affinity",
         "weights that the asking user's signals gave, 0 to 1, half gone in 30 days"},
    Word{"interest(field)", "the item's share of the asking user's interest in that field, 0 to 1"},
    Word{"interest(field, \"v\")", "the asking user's decayed count of positive signals on items with that value"},
    Word{"co_engagement", "how much users share the item with what the asking user liked lately"},
    Word{"source_score", "what the source found the item with (co_engaged, related)"},
    Word{"time_of(mark)", "when the asking user's mark was last set"},
    Word{"min max abs sign sqrt clamp", "as usual; the root of a negative is 0"},
    Word{"ln log10 log1p exp pow", "as usual; a logarithm of 0 or less is 0, and so is x/0"},
    Word{"if(c, a, b)", "a where the condition holds, else b"},
    Word{"recency(h)", "0.5^(age/h)"},
    Word{"wilson(pos, n)", "lower end of the 95 % interval of pos in n"},
    Word{"random(seed)", "a number in [0, 1) of the seed and the key"},
    Word{"norm(x), zscore(x), rank(x)", "relative to all candidates; in SORT BY only"},
};

constexpr std::array kSources = {
    Word{"scan", "every live entity of the kind, through the filters"},
    Word{"following(limit:n)", "items of the creators that the asking user follows, newest first (relation:follows)"},
    Word{"following(depth:2)", "recent likes of those who follow what the asking user follows"},
    Word{"friends_liked(limit:n)", "what friends liked, saved or shared (relation:friend)"},
    Word{"co_engaged(limit:n)", "what users share with the asking user's recent likes"},
    Word{"related(limit:n)", "what users share with the items of SIMILAR TO, and what lies near by embedding"},
};

}  // namespace

RowsReply show_sorts() {
  RowsReply reply;
  reply.columns = {"sort", "meaning"};
  for (const SortEntry& entry : sort_entries()) {
    reply.rows.push_back({std::string(entry.name), std::string(entry.sentence)});
  }
  reply.rows.push_back({std::string("expression ASC, expression DESC"), std::string("any expression over features")});
  return reply;
}

RowsReply show_filters() { return rows_of("filter", kFilters); }
RowsReply show_features() { return rows_of("feature", kFeatures); }
RowsReply show_sources() { return rows_of("source", kSources); }

}  // namespace tidal::query
