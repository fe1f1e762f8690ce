// Page selection.
#include "query/selection.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "query/kernels.h"

namespace tidal::query {
namespace {

// Above this share of all ordinals a scan of columns beats gathering the survivors one by one.
constexpr std::uint64_t kScanShare = 16;
// Ordinals whose columns are copied at once: two columns of floats stay in the first-level cache.
constexpr std::size_t kScanBlock = 4'096;
// Scores in a scan are sums of floats: off by less than this share, which is why hits are scored again.
constexpr double kFloatError = 1e-5;
// Histories read before the threshold is looked at again.
constexpr std::size_t kBoundChunk = 16;
// What an order by text looks at.
constexpr std::size_t kOrderedTextBytes = 64;
// Sort key of what has no text: no text begins with eight bytes 0xFF.
constexpr std::uint64_t kNoText = ~std::uint64_t{0};

std::string folded(std::string_view text) {
  std::string out(text.substr(0, kOrderedTextBytes));
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

Selector::Selector(const BoundSort& sort, const SelectionRequest& request, FeatureReader& reader,
                   const Deadline& deadline)
    : sort_(sort), request_(request), reader_(reader), deadline_(deadline) {
  if (!sort.by_text()) scorer_.emplace(sort, request.kind, reader);
  if (request.min_score != nullptr) min_score_.emplace(*request.min_score, reader);
  if (request.after != nullptr) served_ = request.after->served;
  std::sort(served_.begin(), served_.end());
}

std::string_view Selector::key_of(Ordinal candidate) const {
  return reader_.views().entities->key_of(request_.kind, candidate);
}

bool Selector::was_served(std::string_view key) const {
  return !served_.empty() && std::binary_search(served_.begin(), served_.end(), fingerprint(key));
}

bool Selector::served_before(std::uint64_t rank, Ordinal candidate) const {
  if (request_.after == nullptr) return false;
  if (rank > request_.after->last_rank) return true;
  const std::string_view key = key_of(candidate);
  if (rank == request_.after->last_rank && key <= request_.after->last_key) return true;
  return was_served(key);
}

bool Selector::out_of_time() {
  selection_.partial = selection_.partial || deadline_.passed();
  return selection_.partial;
}

Strategy Selector::strategy(const index::Bitmap& survivors) const {
  if (sort_.by_text()) return Strategy::Texts;
  if (sort_.of_year) return min_score_ ? Strategy::Candidates : Strategy::Bounds;
  const std::uint64_t ordinals = reader_.views().entities->ordinal_count(request_.kind);
  const bool dense = survivors.cardinality() >= kScanBlock && survivors.cardinality() * kScanShare >= ordinals;
  if (!dense || min_score_) return Strategy::Candidates;
  if (sort_.kind == SortKind::New || sort_.kind == SortKind::Old) return Strategy::CreationTimes;
  const std::vector<ColumnTerm> terms = scorer_->column_terms();
  const signal::Ledger& ledger = reader_.views().ledger(request_.kind);
  const bool settled = std::all_of(terms.begin(), terms.end(), [&](const ColumnTerm& t) {
    return ledger.has_settled_column(t.signal, scorer_->column_window(), reader_.now());
  });
  return !terms.empty() && settled ? Strategy::Columns : Strategy::Candidates;
}

void Selector::drop_scheduled(std::vector<Ordinal>& candidates) {
  if (request_.keep_scheduled || request_.kind != EntityKind::Item) return;
  std::vector<double> created(kChunk);
  const auto now = static_cast<double>(reader_.now().us);
  std::size_t kept = 0;
  std::size_t first = 0;
  for (; first < candidates.size() && !out_of_time(); first += kChunk) {
    const std::size_t n = std::min(kChunk, candidates.size() - first);
    reader_.views().entities->creation_times(request_.kind, {candidates.data() + first, n}, kOpenCreationUs,
                                             {created.data(), n});
    for (std::size_t i = 0; i < n; ++i) {
      if (created[i] <= now) candidates[kept++] = candidates[first + i];
    }
  }
  selection_.scheduled += std::min(first, candidates.size()) - kept;
  candidates.resize(kept);
}

Status Selector::drop_below_min_score(std::span<const Ordinal> chunk, std::size_t first, std::span<const double> scores,
                                      std::vector<double>& least) {
  if (!min_score_) return {};
  least.resize(chunk.size());
  return min_score_->evaluate(request_.min_score->root(), {chunk, first, scores}, least);
}

Status Selector::score_chunk(std::span<const Ordinal> chunk, std::size_t first, TopK& best) {
  scores_.resize(chunk.size());
  TIDAL_TRY(scorer_->score(chunk, first, scores_));
  TIDAL_TRY(drop_below_min_score(chunk, first, scores_, least_));
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    if (min_score_ && scores_[i] < least_[i]) {
      ++selection_.below_min_score;
      continue;
    }
    const std::uint64_t rank = rank_of(scores_[i], sort_.descending);
    if (best.wants(rank) && !served_before(rank, chunk[i])) best.offer({rank, chunk[i], scores_[i]});
  }
  return {};
}

Status Selector::score_candidates(std::vector<Ordinal> candidates, TopK& best) {
  drop_scheduled(candidates);
  TIDAL_TRY_ASSIGN(const bool prepared, scorer_->prepare(candidates, deadline_));
  const std::size_t step = min_score_ ? std::min(scorer_->chunk(), min_score_->chunk()) : scorer_->chunk();
  for (std::size_t first = 0; first < candidates.size(); first += step) {
    if (out_of_time() || !prepared) return {};
    const std::size_t n = std::min(step, candidates.size() - first);
    TIDAL_TRY(score_chunk({candidates.data() + first, n}, first, best));
  }
  return {};
}

/// Those first that could score highest, until nobody who is left could enter: few histories are read.
Status Selector::score_by_bounds(std::vector<Ordinal> candidates, TopK& best) {
  drop_scheduled(candidates);
  std::vector<double> bounds(candidates.size());
  for (std::size_t first = 0; first < candidates.size() && !out_of_time(); first += kChunk) {
    const std::size_t n = std::min(kChunk, candidates.size() - first);
    scorer_->bounds({candidates.data() + first, n}, {bounds.data() + first, n});
  }
  std::vector<std::uint32_t> heap(candidates.size());
  std::iota(heap.begin(), heap.end(), 0U);
  const auto below = [&bounds](std::uint32_t a, std::uint32_t b) { return bounds[a] < bounds[b]; };
  std::ranges::make_heap(heap, below);
  std::vector<Ordinal> chunk;
  while (!heap.empty() && !out_of_time()) {
    chunk.clear();
    while (!heap.empty() && chunk.size() < kBoundChunk && best.wants(rank_of(bounds[heap.front()], sort_.descending))) {
      chunk.push_back(candidates[heap.front()]);
      std::ranges::pop_heap(heap, below);
      heap.pop_back();
    }
    if (chunk.empty()) return {};
    TIDAL_TRY(score_chunk(chunk, 0, best));
  }
  return {};
}

Status Selector::offer_hits(const std::vector<Ordinal>& hits, TopK& best) {
  std::vector<Ordinal> candidates = hits;
  drop_scheduled(candidates);
  for (std::size_t first = 0; first < candidates.size(); first += kChunk) {
    const std::size_t n = std::min(kChunk, candidates.size() - first);
    TIDAL_TRY(score_chunk({candidates.data() + first, n}, first, best));
  }
  return {};
}

Result<std::string> Selector::text_of(Ordinal candidate) {
  TIDAL_TRY_ASSIGN(const Value value, reader_.stored(request_.kind, sort_.field, candidate));
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string() : folded(*text);
}

Status Selector::read_prefixes(std::vector<Ordinal>& candidates, std::vector<std::uint64_t>& prefixes) {
  prefixes.assign(candidates.size(), kNoText);
  const bool by_index = sort_.kind == SortKind::Alphabetical;
  const std::size_t step = by_index ? kChunk : kReadChunk;
  for (std::size_t first = 0; first < candidates.size(); first += step) {
    if (out_of_time()) {
      candidates.resize(first);
      return {};
    }
    const std::size_t n = std::min(step, candidates.size() - first);
    if (by_index) {
      const std::span<const Ordinal> chunk(candidates.data() + first, n);
      reader_.views().fields->text_sort_keys(request_.kind, chunk, {prefixes.data() + first, n});
      continue;
    }
    for (std::size_t i = first; i < first + n; ++i) {
      TIDAL_TRY_ASSIGN(const Value value, reader_.stored(request_.kind, sort_.field, candidates[i]));
      if (const auto* text = std::get_if<std::string>(&value)) prefixes[i] = index::text_sort_key(*text);
    }
  }
  return {};
}

bool Selector::text_before(const TextPlace& a, const TextPlace& b) const {
  if (a.rank != b.rank) return a.rank > b.rank;
  if (a.text != b.text) return sort_.descending ? a.text > b.text : a.text < b.text;
  return a.key < b.key;
}

Status Selector::read_texts(std::vector<TextEntry>& entries) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i % kReadChunk == 0 && out_of_time()) {
      entries.resize(i);
      return {};
    }
    if (entries[i].ranked.rank == 0) continue;
    TIDAL_TRY_ASSIGN(entries[i].text, text_of(entries[i].ranked.entity));
  }
  return {};
}

Result<std::vector<Selector::TextEntry>> Selector::text_entries(std::vector<Ordinal> candidates) {
  std::vector<std::uint64_t> prefixes;
  TIDAL_TRY(read_prefixes(candidates, prefixes));
  std::vector<TextEntry> entries;
  std::size_t beside_last = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    // What has no text comes last in both directions.
    const std::uint64_t rank = prefixes[i] == kNoText ? 0 : sort_.descending ? prefixes[i] : ~prefixes[i];
    if (request_.after != nullptr) {
      if (rank > request_.after->last_rank || was_served(key_of(candidates[i]))) continue;
      if (rank == request_.after->last_rank) ++beside_last;
    }
    entries.push_back({{rank, candidates[i], 0}, {}});
  }
  // Texts are read only of those whose first bytes put them on the page.
  const std::size_t wanted = request_.limit + 1 + beside_last;
  if (entries.size() > wanted) {
    const auto by_rank = [](const TextEntry& a, const TextEntry& b) { return a.ranked.rank > b.ranked.rank; };
    std::nth_element(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(wanted) - 1, entries.end(),
                     by_rank);
    const std::uint64_t floor = entries[wanted - 1].ranked.rank;
    std::erase_if(entries, [&](const TextEntry& e) { return e.ranked.rank < floor; });
  }
  TIDAL_TRY(read_texts(entries));
  return entries;
}

Status Selector::order_texts(std::vector<Ordinal> candidates) {
  drop_scheduled(candidates);
  TIDAL_TRY_ASSIGN(std::vector<TextEntry> entries, text_entries(std::move(candidates)));
  const auto place = [this](const TextEntry& e) { return TextPlace{e.ranked.rank, e.text, key_of(e.ranked.entity)}; };
  if (request_.after != nullptr) {
    const TextPlace last{request_.after->last_rank, request_.after->last_text, request_.after->last_key};
    std::erase_if(entries, [&](const TextEntry& e) { return !text_before(last, place(e)); });
  }
  std::sort(entries.begin(), entries.end(),
            [&](const TextEntry& a, const TextEntry& b) { return text_before(place(a), place(b)); });
  selection_.more = entries.size() > request_.limit;
  if (selection_.more) entries.resize(request_.limit);
  for (TextEntry& entry : entries) {
    selection_.page.push_back(entry.ranked);
    selection_.texts.push_back(std::move(entry.text));
  }
  return {};
}

Status Selector::scan_columns(const index::Bitmap& survivors, TopK& best) {
  const std::vector<ColumnTerm> terms = scorer_->column_terms();
  const signal::Ledger& ledger = reader_.views().ledger(request_.kind);
  const std::uint32_t ordinals = reader_.views().entities->ordinal_count(request_.kind);
  const Window window = scorer_->column_window();
  std::vector<float> sum(kScanBlock);
  std::vector<float> column(kScanBlock);
  std::vector<Ordinal> hits;
  for (std::uint32_t first = 0; first < ordinals; first += kScanBlock) {
    if (out_of_time()) return {};
    const std::size_t n = std::min<std::size_t>(kScanBlock, ordinals - first);
    bool settled = true;
    for (std::size_t t = 0; t < terms.size(); ++t) {
      float* const into = t == 0 ? sum.data() : column.data();
      settled = settled && ledger.scan_column(terms[t].signal, window, reader_.now(), first, {into, n});
      const auto weight = static_cast<float>(terms[t].weight);
      if (t == 0) {
        for (std::size_t i = 0; i < n; ++i) sum[i] *= weight;
      } else {
        for (std::size_t i = 0; i < n; ++i) sum[i] += weight * column[i];
      }
    }
    if (!settled) std::fill(sum.begin(), sum.end(), 0.0F);  // then everything is a hit
    // The lowest float whose exact value could still enter. Scores are sums of positive terms, so this is sound.
    const double floor = best.floor() == 0 ? 0 : score_of(best.floor(), sort_.descending) * (1 - kFloatError);
    const auto least = settled ? static_cast<float>(floor) : -1.0F;
    hits.clear();
    for (std::size_t i = 0; i < n; ++i) {
      if (sum[i] >= least) hits.push_back(to_ordinal(first + static_cast<std::uint32_t>(i)));
    }
    std::erase_if(hits, [&](Ordinal o) { return !survivors.contains(o); });
    TIDAL_TRY(offer_hits(hits, best));
  }
  return {};
}

void Selector::scan_creation_times(const index::Bitmap& survivors, TopK& best) {
  const entity::EntityStore& entities = *reader_.views().entities;
  const std::uint32_t ordinals = entities.ordinal_count(request_.kind);
  const bool newest_first = sort_.descending;
  // Scores above this are of what is not there yet.
  const bool dropping = !request_.keep_scheduled && request_.kind == EntityKind::Item;
  const double now = dropping ? static_cast<double>(reader_.now().us) : std::numeric_limits<double>::infinity();
  std::vector<Ordinal> block(kScanBlock);
  std::vector<double> created(kScanBlock);
  std::vector<std::uint32_t> hits(kScanBlock);
  const auto blocks = static_cast<std::uint32_t>((ordinals + kScanBlock - 1) / kScanBlock);
  for (std::uint32_t b = 0; b < blocks && !out_of_time(); ++b) {
    // Ordinals mostly follow time, so begin at the end where the page is likely to be: the threshold rises at once.
    const auto first = static_cast<std::uint32_t>((newest_first ? blocks - 1 - b : b) * kScanBlock);
    const std::size_t n = std::min<std::size_t>(kScanBlock, ordinals - first);
    for (std::size_t i = 0; i < n; ++i) block[i] = to_ordinal(first + static_cast<std::uint32_t>(i));
    entities.creation_times(request_.kind, {block.data(), n}, kOpenCreationUs, {created.data(), n});
    const double floor = best.floor() == 0 ? (newest_first ? -1 : 1) * std::numeric_limits<double>::infinity()
                                           : score_of(best.floor(), sort_.descending);
    std::size_t found = 0;
    for (std::size_t i = 0; i < n; ++i) {
      hits[found] = static_cast<std::uint32_t>(i);
      const bool enters = newest_first ? created[i] >= floor : created[i] <= floor;
      found += static_cast<std::size_t>(enters || created[i] > now);
    }
    for (std::size_t h = 0; h < found; ++h) {
      const std::uint32_t i = hits[h];
      if (!survivors.contains(block[i])) continue;
      if (created[i] > now) {
        ++selection_.scheduled;
        continue;
      }
      const std::uint64_t rank = rank_of(created[i], sort_.descending);
      if (best.wants(rank) && !served_before(rank, block[i])) best.offer({rank, block[i], created[i]});
    }
  }
}

Result<Selection> Selector::select(const index::Bitmap& survivors) {
  const Strategy how = strategy(survivors);
  if (how == Strategy::Texts) {
    TIDAL_TRY(order_texts(survivors.to_vector()));
    return std::move(selection_);
  }
  TopK best(request_.limit + 1, [this](Ordinal o) { return key_of(o); });
  if (how == Strategy::Columns) {
    TIDAL_TRY(scan_columns(survivors, best));
  } else if (how == Strategy::CreationTimes) {
    scan_creation_times(survivors, best);
  } else if (how == Strategy::Bounds) {
    TIDAL_TRY(score_by_bounds(survivors.to_vector(), best));
  } else {
    TIDAL_TRY(score_candidates(survivors.to_vector(), best));
  }
  selection_.page = best.take();
  selection_.more = selection_.page.size() > request_.limit;
  if (selection_.more) selection_.page.resize(request_.limit);
  return std::move(selection_);
}

}  // namespace tidal::query
