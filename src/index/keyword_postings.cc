// Postings, kept in step with the lists they were made from.
#include "index/keyword_postings.h"

#include <algorithm>

#include "index/ordinal_list.h"

namespace tidal::index {

void KeywordPostings::set(Ordinal o, std::span<const std::string_view> values) {
  std::vector<std::uint32_t> next;
  next.reserve(values.size());
  for (const std::string_view v : values) next.push_back(terms_.intern(v));
  std::sort(next.begin(), next.end());
  next.erase(std::unique(next.begin(), next.end()), next.end());

  const auto old = lists_.of(o);
  for (const std::uint32_t id : old) {
    if (!std::binary_search(next.begin(), next.end(), id)) terms_.entities(id).remove(o);
  }
  for (const std::uint32_t id : next) terms_.entities(id).add(o);
  if (next.empty()) {
    having_.remove(o);
  } else {
    having_.add(o);
  }
  lists_.set(o, next);
}

Bitmap KeywordPostings::with(std::string_view value) const {
  const std::uint32_t id = terms_.find(value);
  return id == TermDictionary::kNone ? Bitmap() : terms_.entities(id).snapshot();
}

std::uint64_t KeywordPostings::count(std::string_view value) const {
  const std::uint32_t id = terms_.find(value);
  return id == TermDictionary::kNone ? 0 : terms_.entities(id).cardinality();
}

std::vector<std::pair<std::string, std::uint64_t>> KeywordPostings::top(std::size_t n) const {
  struct Counted {
    std::uint64_t count;
    const std::string* term;
  };
  std::vector<Counted> counted;
  const std::uint32_t size = terms_.size();
  for (std::uint32_t id = 0; id < size; ++id) {
    if (const std::uint64_t c = terms_.entities(id).cardinality(); c > 0) counted.push_back({c, &terms_.term(id)});
  }
  n = std::min(n, counted.size());
  const auto before = [](const Counted& a, const Counted& b) {
    return a.count != b.count ? a.count > b.count : *a.term < *b.term;
  };
  std::partial_sort(counted.begin(), counted.begin() + static_cast<std::ptrdiff_t>(n), counted.end(), before);
  std::vector<std::pair<std::string, std::uint64_t>> out;
  out.reserve(n);
  for (std::size_t i = 0; i < n; ++i) out.emplace_back(*counted[i].term, counted[i].count);
  return out;
}

std::vector<KeywordPostings::CapturedValue> KeywordPostings::capture() const {
  std::vector<CapturedValue> out;
  for (std::uint32_t id = 0; id < terms_.size(); ++id) {
    if (terms_.entities(id).cardinality() > 0) out.push_back({&terms_.term(id), terms_.entities(id).capture()});
  }
  return out;
}

void encode_postings(std::vector<KeywordPostings::CapturedValue> values, base::Encoder& out) {
  // In order of the values, so that one state has one image, whatever the order in which values came and went.
  std::sort(values.begin(), values.end(), [](const auto& a, const auto& b) { return *a.term < *b.term; });
  out.varint(values.size());
  for (const auto& v : values) {
    out.string(*v.term);
    encode_ordinals(v.entities.to_vector(), out);
  }
}

Status KeywordPostings::decode(base::Decoder& in, std::uint32_t ordinals) {
  const std::uint64_t count = in.varint();
  std::vector<std::pair<Ordinal, std::uint32_t>> pairs;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view term = in.string();
    if (in.ok() && i > 0 && term <= terms_.term(static_cast<std::uint32_t>(i - 1))) in.fail();
    const std::vector<Ordinal> members = decode_ordinals(in, ordinals);
    if (!in.ok() || members.empty()) return Error(Code::Corruption, "postings: bad value " + std::to_string(i));
    const std::uint32_t id = terms_.intern(term);
    terms_.entities(id).assign(members);
    for (const Ordinal o : members) pairs.emplace_back(o, id);
  }
  if (!in.ok()) return Error(Code::Corruption, "postings: truncated");
  std::sort(pairs.begin(), pairs.end());
  std::vector<Ordinal> having;
  std::vector<std::uint32_t> ids;
  for (std::size_t i = 0; i < pairs.size();) {
    ids.clear();
    const Ordinal o = pairs[i].first;
    for (; i < pairs.size() && pairs[i].first == o; ++i) ids.push_back(pairs[i].second);
    lists_.set(o, ids);
    having.push_back(o);
  }
  having_.assign(having);
  return {};
}

Status KeywordPostings::validate() const {
  std::uint64_t in_lists = 0;
  std::uint64_t entities = 0;
  for (std::uint32_t i = 0; i < lists_.end(); ++i) {
    const auto ids = lists_.of(to_ordinal(i));
    for (const std::uint32_t id : ids) {
      if (!terms_.entities(id).contains(to_ordinal(i))) {
        return Error(Code::Internal,
                     "postings: ordinal " + std::to_string(i) + " is missing from '" + terms_.term(id) + "'");
      }
    }
    if (ids.empty() == having_.contains(to_ordinal(i))) {
      return Error(Code::Internal, "postings: having is wrong for ordinal " + std::to_string(i));
    }
    in_lists += ids.size();
    entities += ids.empty() ? 0 : 1;
  }
  std::uint64_t in_sets = 0;
  for (std::uint32_t id = 0; id < terms_.size(); ++id) in_sets += terms_.entities(id).cardinality();
  if (in_sets != in_lists || having_.cardinality() != entities) {
    return Error(Code::Internal,
                 "postings: " + std::to_string(in_sets) + " members for " + std::to_string(in_lists) + " values");
  }
  return {};
}

std::size_t KeywordPostings::memory_bytes() const {
  return terms_.memory_bytes() + having_.heap_bytes() + lists_.memory_bytes();
}

}  // namespace tidal::index
