// Scoring by bound sorts: loads the columns that a formula wants and applies it.
#include "query/scorer.h"

#include <algorithm>

#include "base/assert.h"
#include "query/kernels.h"
#include "ranking/formulas.h"

namespace tidal::query {

Scorer::Scorer(const BoundSort& sort, EntityKind kind, FeatureReader& reader)
    : sort_(sort), kind_(kind), reader_(reader) {
  if (sort.kind == SortKind::Expression) evaluator_.emplace(sort.by, reader);
}

Result<bool> Scorer::prepare(std::span<const Ordinal> candidates, const Deadline& deadline) {
  if (!evaluator_) return true;
  return evaluator_->prepare(candidates, deadline);
}

std::size_t Scorer::chunk() const {
  if (evaluator_) return evaluator_->chunk();
  const bool by_length = sort_.kind == SortKind::Shortest || sort_.kind == SortKind::Longest;
  return by_length && !reader_.views().fields->is_indexed(kind_, sort_.field) ? kReadChunk : kChunk;
}

FeatureRef Scorer::plain(FeatureRef::Kind feature) const { return {.kind = feature, .entity = kind_}; }

Status Scorer::read(FeatureRef feature, std::span<const Ordinal> candidates, Column& out) {
  out.resize(candidates.size());
  return reader_.read(feature, candidates, out);
}

Status Scorer::read_sum(const std::vector<signal::SignalIndex>& signals, FeatureRef feature,
                        std::span<const Ordinal> candidates, Column& out) {
  out.assign(candidates.size(), 0);
  Column one(candidates.size());
  for (const signal::SignalIndex s : signals) {
    feature.signal = s;
    TIDAL_TRY(reader_.read(feature, candidates, one));
    for (std::size_t i = 0; i < one.size(); ++i) out[i] += one[i];
  }
  return {};
}

/// Of one signal that votes: standing votes, or what the period of top() counts.
FeatureRef Scorer::votes() const {
  FeatureRef votes = plain(FeatureRef::Kind::Net);
  if (sort_.kind != SortKind::Top) return votes;
  if (sort_.of_year) {
    votes.kind = FeatureRef::Kind::YearCount;
  } else if (sort_.window != Window::All) {
    votes.kind = FeatureRef::Kind::Count;
    votes.window = sort_.window;
  }
  return votes;
}

void Scorer::bounds(std::span<const Ordinal> candidates, std::span<double> out) {
  // Reading a count of all time cannot fail.
  TIDAL_ASSERT(read_sum(sort_.positives, plain(FeatureRef::Kind::Count), candidates, up_).ok());
  std::copy(up_.begin(), up_.end(), out.begin());
}

Status Scorer::score_votes(std::span<const Ordinal> candidates, std::span<double> out) {
  TIDAL_TRY(read_sum(sort_.positives, votes(), candidates, up_));
  TIDAL_TRY(read_sum(sort_.negatives, votes(), candidates, down_));
  const ranking::Votes both{up_, down_};
  switch (sort_.kind) {
    case SortKind::Hot:
      TIDAL_TRY(read(plain(FeatureRef::Kind::Age), candidates, age_));
      ranking::hot(both, age_, reader_.views().schema->settings.hot_gravity, out);
      return {};
    case SortKind::RedditHot:
      TIDAL_TRY(read(plain(FeatureRef::Kind::CreatedAt), candidates, age_));
      ranking::reddit_hot(both, age_, out);
      return {};
    case SortKind::HackerNews:
      TIDAL_TRY(read(plain(FeatureRef::Kind::Age), candidates, age_));
      ranking::hacker_news(both, age_, out);
      return {};
    case SortKind::Controversial: ranking::controversial(both, out); return {};
    case SortKind::MostLiked: std::copy(up_.begin(), up_.end(), out.begin()); return {};
    default:  // Top
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = up_[i] - down_[i];
      return {};
  }
}

Status Scorer::read_quality(std::span<const Ordinal> candidates, Column& out) {
  out.assign(candidates.size(), 1);
  if (sort_.positives.empty()) return {};  // the term is left out
  TIDAL_TRY(read_sum(sort_.positives, plain(FeatureRef::Kind::Net), candidates, up_));
  if (sort_.negatives.empty()) {
    TIDAL_TRY(read_sum(sort_.views, plain(FeatureRef::Kind::Count), candidates, one_));
    ranking::quality_of_views(up_, one_, out);
    return {};
  }
  TIDAL_TRY(read_sum(sort_.negatives, plain(FeatureRef::Kind::Net), candidates, down_));
  ranking::quality({up_, down_}, out);
  return {};
}

Status Scorer::score_quality(std::span<const Ordinal> candidates, std::span<double> out) {
  TIDAL_TRY(read_quality(candidates, two_));
  if (sort_.kind == SortKind::HiddenGems) {
    TIDAL_TRY(read_sum(sort_.views, plain(FeatureRef::Kind::Count), candidates, one_));
    ranking::hidden_gems(two_, one_, out);
    return {};
  }
  FeatureRef random = plain(FeatureRef::Kind::Random);
  random.seed = sort_.seed;
  TIDAL_TRY(read(random, candidates, one_));
  ranking::shuffle(one_, two_, out);
  return {};
}

Status Scorer::score_named(std::span<const Ordinal> candidates, std::span<double> out) {
  FeatureRef feature = plain(FeatureRef::Kind::Count);
  switch (sort_.kind) {
    case SortKind::New:
    case SortKind::Old: return reader_.read(plain(FeatureRef::Kind::CreatedAt), candidates, out);
    case SortKind::Trending:
      feature.kind = FeatureRef::Kind::Velocity;
      feature.window = sort_.window;
      TIDAL_TRY(read_sum(sort_.shares, feature, candidates, one_));
      TIDAL_TRY(read_sum(sort_.views, feature, candidates, two_));
      ranking::trending(one_, two_, out);
      return {};
    case SortKind::Rising:
      feature.kind = FeatureRef::Kind::Acceleration;
      feature.window = Window::Hour;
      TIDAL_TRY(read_sum(sort_.views, feature, candidates, one_));
      feature.kind = FeatureRef::Kind::Velocity;
      feature.window = Window::Week;
      TIDAL_TRY(read_sum(sort_.views, feature, candidates, two_));
      TIDAL_TRY(read(plain(FeatureRef::Kind::Age), candidates, age_));
      ranking::rising(one_, two_, age_, out);
      return {};
    case SortKind::MostViewed:
    case SortKind::MostCommented:
    case SortKind::MostShared: {
      const auto& signals = sort_.kind == SortKind::MostViewed      ? sort_.views
                            : sort_.kind == SortKind::MostCommented ? sort_.comments
                                                                    : sort_.shares;
      TIDAL_TRY(read_sum(signals, feature, candidates, one_));
      std::copy(one_.begin(), one_.end(), out.begin());
      return {};
    }
    case SortKind::HiddenGems:
    case SortKind::Shuffle: return score_quality(candidates, out);
    case SortKind::Shortest:
    case SortKind::Longest: {
      const bool indexed = reader_.views().fields->is_indexed(kind_, sort_.field);
      feature.kind = indexed ? FeatureRef::Kind::Field : FeatureRef::Kind::StoredField;
      feature.field = sort_.field;
      feature.missing = sort_.kind == SortKind::Shortest ? kLast : 0;
      return reader_.read(feature, candidates, out);
    }
    case SortKind::BySource: return reader_.read(plain(FeatureRef::Kind::SourceScore), candidates, out);
    case SortKind::DateSaved:
      feature.kind = FeatureRef::Kind::TimeOf;
      feature.mark = Mark::Saved;
      return reader_.read(feature, candidates, out);
    default: return score_votes(candidates, out);
  }
}

Status Scorer::score(std::span<const Ordinal> candidates, std::size_t first, std::span<double> out) {
  TIDAL_ASSERT(!sort_.by_text() && out.size() == candidates.size());
  if (evaluator_) {
    TIDAL_TRY(evaluator_->evaluate(sort_.by.root(), {candidates, first, {}}, out));
  } else {
    TIDAL_TRY(score_named(candidates, out));
  }
  for (double& x : out) x = finite_or_zero(x);
  return {};
}

std::vector<ColumnTerm> Scorer::column_terms() const {
  std::vector<ColumnTerm> terms;
  const auto add = [&terms](const std::vector<signal::SignalIndex>& signals, double weight) {
    for (const signal::SignalIndex s : signals) terms.push_back({s, weight});
  };
  switch (sort_.kind) {
    case SortKind::Trending: {
      const double seconds = static_cast<double>(window_span(sort_.window).us) / 1e6;
      add(sort_.shares, ranking::kTrendingShareWeight / seconds);
      add(sort_.views, ranking::kTrendingViewWeight / seconds);
      break;
    }
    case SortKind::Top:
      // Net votes are in no column, and a difference could hide any error of its parts.
      if (!sort_.of_year && sort_.window != Window::All && sort_.negatives.empty()) add(sort_.positives, 1);
      break;
    case SortKind::MostViewed: add(sort_.views, 1); break;
    case SortKind::MostCommented: add(sort_.comments, 1); break;
    case SortKind::MostShared: add(sort_.shares, 1); break;
    default: break;
  }
  return terms;
}

Window Scorer::column_window() const {
  return sort_.kind == SortKind::Trending || sort_.kind == SortKind::Top ? sort_.window : Window::All;
}

Result<std::vector<std::pair<std::string, double>>> Scorer::contributions(Ordinal candidate, double score) {
  std::vector<std::pair<std::string, double>> terms;
  const std::span<const Ordinal> one(&candidate, 1);
  const auto add = [&](std::string name, const std::vector<signal::SignalIndex>& signals, FeatureRef feature,
                       double weight) -> Status {
    if (signals.empty()) return {};
    TIDAL_TRY(read_sum(signals, feature, one, one_));
    terms.emplace_back(std::move(name), weight * one_[0]);
    return {};
  };
  const std::string window = "(" + std::string(window_name(sort_.window)) + ")";
  if (sort_.kind == SortKind::Trending) {
    FeatureRef velocity = plain(FeatureRef::Kind::Velocity);
    velocity.window = sort_.window;
    TIDAL_TRY(add("share.velocity" + window, sort_.shares, velocity, ranking::kTrendingShareWeight));
    TIDAL_TRY(add("view.velocity" + window, sort_.views, velocity, ranking::kTrendingViewWeight));
    return terms;
  }
  if (sort_.kind == SortKind::Top) {
    TIDAL_TRY(add("positive", sort_.positives, votes(), 1));
    TIDAL_TRY(add("negative", sort_.negatives, votes(), -1));
    return terms;
  }
  terms.emplace_back(sort_.name, score);
  return terms;
}

}  // namespace tidal::query
