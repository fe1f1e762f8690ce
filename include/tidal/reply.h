// What statements answer: one reply value a statement, and its JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal {

/// Something the caller should know that is no error: a missing profile, a relaxed rule, a stale estimate.
struct Warning {
  std::string code;  ///< stable, lower_snake
  std::string message;
};

/// One answer of a query.
struct ResultItem {
  EntityKind kind = EntityKind::Item;
  std::string key;
  std::string creator;     ///< of an item; "" none
  double score = 0;        ///< what the order is by; higher first unless the sort is ascending
  std::uint32_t rank = 0;  ///< from 1, over all pages
  Fields fields;
  std::vector<std::pair<std::string, double>> signals;  ///< as asked by WITH signals(…), in that order
  std::vector<std::string> sources;                     ///< which candidate sources found it
  std::vector<std::pair<std::string, double>> explain;  ///< contributions, with WITH explain
};

struct QueryStats {
  SeqNo seqno;      ///< last applied when the query began
  SeqNo seqno_end;  ///< and when it ended
  std::uint64_t candidates = 0;
  std::uint64_t after_filters = 0;
  std::int64_t elapsed_us = 0;
  std::vector<std::pair<std::string, std::int64_t>> stages;  ///< name, microseconds; in order
};

struct QueryReply {
  EntityKind kind = EntityKind::Item;
  std::vector<ResultItem> items;
  std::string cursor;  ///< for AFTER; "" at the end
  std::uint64_t total_estimate = 0;
  std::string profile;  ///< which profile ordered it, "" when a sort did
  std::string sort;     ///< which sort, "" when a profile did
  std::string query_id;
  bool partial = false;  ///< the deadline passed first
  std::vector<Warning> warnings;
  QueryStats stats;
};

/// Of SIGNAL, UNSIGNAL, PUT, UPDATE, DELETE, RELATE, UNRELATE, HIDE, UNHIDE.
struct WriteReply {
  std::string op;      ///< "signal", "unsignal", "put" …
  std::string status;  ///< "applied", "created", "replaced", "updated", "deleted", "absent", "unchanged",
                       ///< "void" (in a batch: its entity was gone when it was applied)
  SeqNo seqno;         ///< 0 when nothing was written
  std::int64_t elapsed_us = 0;
  std::vector<Warning> warnings{};
};

/// Of DEFINE and ALTER.
struct SchemaReply {
  std::string op;    ///< "define", "alter"
  std::string what;  ///< "field", "signal", "settings"
  std::string name;
  std::string status;  ///< "applied", "unchanged"
  std::string change_class = "additive";
  SeqNo seqno;
  std::uint32_t schema_version = 0;
  std::int64_t elapsed_us = 0;
};

/// Of COMMIT; BEGIN and ROLLBACK answer with their op and no seqno.
struct BatchReply {
  std::string op;  ///< "begin", "commit", "rollback"
  std::uint32_t statements = 0;
  SeqNo seqno;  ///< of the last record; 0 when nothing was written
  std::uint32_t schema_version = 0;
  std::int64_t elapsed_us = 0;
  std::vector<Warning> warnings{};
};

/// One slot that has a vector.
struct EmbeddingReply {
  std::string name;
  std::uint32_t size = 0;
  std::vector<float> vector;  ///< as it is kept; empty unless WITH vectors
};

/// Hidden from everybody by HIDE.
struct HiddenReply {
  Timestamp at;
  std::string reason;
};

/// What the database has learned of a user; of GET user.
struct UserSummary {
  struct Named {
    std::string name;
    double weight = 0;
  };
  struct Interest {
    std::string field;
    std::string value;
    double weight = 0;  ///< decayed count of positive signals
  };
  std::uint32_t preference_size = 0;                         ///< dimensions of the preference vector; 0: there is none
  std::uint32_t preference_signals = 0;                      ///< positive signals that moved it
  std::vector<double> interest_vectors;                      ///< the decayed weight of each, heaviest first
  std::vector<Interest> interests;                           ///< the strongest, at most 10
  std::vector<Named> creators;                               ///< by interaction, 0 to 1, at most 10
  std::vector<std::pair<std::string, std::uint64_t>> marks;  ///< items: "seen", "liked" …
  std::vector<std::pair<std::string, std::uint64_t>> relations;  ///< edges that begin at the user
};

struct EntityReply {
  EntityKind kind = EntityKind::Item;
  std::string key;
  std::string creator;
  std::optional<Timestamp> created_at;
  Fields fields;
  std::vector<std::pair<std::string, double>> signals;
  std::vector<EmbeddingReply> embeddings{};
  std::optional<HiddenReply> hidden{};
  std::optional<UserSummary> user{};
  std::int64_t elapsed_us = 0;
};

/// Of SHOW and HELP. `text`, when not empty, is how a person wants it printed (bare statements, a help page).
struct RowsReply {
  std::vector<std::string> columns;
  std::vector<std::vector<Value>> rows;
  std::string text;
  std::int64_t elapsed_us = 0;
};

/// Of FORGET USER.
struct ForgetReply {
  std::string op;
  std::string status;  ///< "applied"
  SeqNo seqno;
  /// "edges" (standing, in both directions), "fields", "marks" (liked, saved …: one an item and mark), "seen" and
  /// "progress" (items), "signals" (those counted by user), "vectors", "weights"; as they were just before.
  std::vector<std::pair<std::string, std::uint64_t>> removed;
  std::string log;  ///< when the records leave the log: "at next compaction"; "none": there is no log
  std::int64_t elapsed_us = 0;
};

/// One node of a plan.
struct PlanNode {
  std::string name;                       ///< "source", "filter" …
  std::string detail;                     ///< in the language's own words
  std::optional<std::uint64_t> estimate;  ///< entities expected to come out
  std::optional<double> selectivity;      ///< in [0, 1]
  std::vector<PlanNode> children;
};

struct PlanReply {
  PlanNode root;
  std::int64_t elapsed_us = 0;
};

using Reply =
    std::variant<QueryReply, WriteReply, SchemaReply, BatchReply, EntityReply, RowsReply, PlanReply, ForgetReply>;

/// One line of JSON, as docs/replies.md describes. Doubles print shortest round-trip.
[[nodiscard]] std::string to_json(const Reply& reply);
/// {"error":{…}} on one line.
[[nodiscard]] std::string to_json(const Error& error);

}  // namespace tidal
