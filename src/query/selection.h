// Selects a page: scores what passed the filters and keeps the best, or scans columns when nearly everything passed.
//
// P1: the page equals sorting every candidate by (score in the sort's direction, then key) and cutting it out.
// P2: columns and bounds only preselect: what enters the page was scored exactly.
// Threads: one query's own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "index/bitmap.h"
#include "query/cursor.h"
#include "query/deadline.h"
#include "query/scorer.h"
#include "query/top_k.h"
#include "tidal/result.h"

namespace tidal::query {

struct SelectionRequest {
  EntityKind kind = EntityKind::Item;
  std::size_t limit = 0;             ///< > 0
  bool keep_scheduled = false;       ///< items with created_at after now may come
  const Cursor* after = nullptr;     ///< continue there
  const Bound* min_score = nullptr;  ///< drop what scores below its value
};

struct Selection {
  std::vector<Ranked> page;        ///< at most limit, in order
  std::vector<std::string> texts;  ///< of an order by text: what each was ordered by
  bool more = false;               ///< there is at least one after it
  bool partial = false;            ///< the deadline passed first
  std::uint64_t scheduled = 0;     ///< dropped since their time has not come
  std::uint64_t below_min_score = 0;
};

/// How selection will go, for EXPLAIN too.
enum class Strategy : std::uint8_t { Columns, CreationTimes, Candidates, Bounds, Texts };

class Selector {
 public:
  /// All outlive this.
  Selector(const BoundSort& sort, const SelectionRequest& request, FeatureReader& reader, const Deadline& deadline);

  [[nodiscard]] Strategy strategy(const index::Bitmap& survivors) const;
  /// The errors of FeatureReader.
  [[nodiscard]] Result<Selection> select(const index::Bitmap& survivors);

 private:
  [[nodiscard]] Status scan_columns(const index::Bitmap& survivors, TopK& best);
  void scan_creation_times(const index::Bitmap& survivors, TopK& best);
  [[nodiscard]] Status score_candidates(std::vector<Ordinal> candidates, TopK& best);
  [[nodiscard]] Status score_by_bounds(std::vector<Ordinal> candidates, TopK& best);
  [[nodiscard]] Status score_chunk(std::span<const Ordinal> chunk, std::size_t first, TopK& best);
  [[nodiscard]] Status offer_hits(const std::vector<Ordinal>& hits, TopK& best);
  struct TextEntry {
    Ranked ranked;
    std::string text;
  };
  struct TextPlace {
    std::uint64_t rank;
    std::string_view text;
    std::string_view key;
  };
  [[nodiscard]] Status order_texts(std::vector<Ordinal> candidates);
  [[nodiscard]] Result<std::vector<TextEntry>> text_entries(std::vector<Ordinal> candidates);
  /// Shortens `candidates` to those read before the deadline.
  [[nodiscard]] Status read_prefixes(std::vector<Ordinal>& candidates, std::vector<std::uint64_t>& prefixes);
  [[nodiscard]] Status read_texts(std::vector<TextEntry>& entries);
  [[nodiscard]] bool text_before(const TextPlace& a, const TextPlace& b) const;
  [[nodiscard]] Status drop_below_min_score(std::span<const Ordinal> chunk, std::size_t first,
                                            std::span<const double> scores, std::vector<double>& least);
  void drop_scheduled(std::vector<Ordinal>& candidates);
  /// Past the deadline: notes that the answer is partial.
  [[nodiscard]] bool out_of_time();
  [[nodiscard]] bool served_before(std::uint64_t rank, Ordinal candidate) const;
  [[nodiscard]] bool was_served(std::string_view key) const;
  [[nodiscard]] Result<std::string> text_of(Ordinal candidate);
  [[nodiscard]] std::string_view key_of(Ordinal candidate) const;

  const BoundSort& sort_;
  const SelectionRequest& request_;
  FeatureReader& reader_;
  const Deadline& deadline_;
  std::optional<Scorer> scorer_;  // not for texts
  std::optional<Evaluator> min_score_;
  std::vector<std::uint64_t> served_;   // sorted
  std::vector<double> scores_, least_;  // of one chunk
  Selection selection_;
};

}  // namespace tidal::query
