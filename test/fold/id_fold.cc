// How far imports have come, and which events are remembered so that they count once.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/coding.h"
#include "test/fold/folds.h"

namespace tidal::test::fold {

void compare_import_marks(const Told& told, const db::Views& views, Timestamp /*now*/, Differences& out) {
  std::map<std::string, std::uint64_t> positions = {{std::string(db::kImportIdBytes, '-'), 0}};
  for (const Happening& h : told.happenings) {
    for (const std::string& mark : h.import_marks) {
      base::Decoder in(mark);
      const std::string id(in.raw(db::kImportIdBytes));
      if (!h.is_void) positions[id] = std::max(positions[id], in.u64());
    }
  }
  for (const auto& [id, position] : positions) {
    out.same(position, views.import_marks().position(id), [] { return "position of an import"; });
  }
}

/// Spans of ten minutes of append time: what came in the newest record's span and in the one before is remembered, for
/// as long as the asking clock stands in the span of it or in the next.
void compare_duplicates(const Told& told, const db::Views& views, Timestamp now, Differences& out) {
  const auto span_of = [](Timestamp t) { return t.us / minutes(10).us; };
  std::int64_t newest = 0;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::map<std::int64_t, std::uint64_t>> first;  // id, span
  for (const Happening& h : told.happenings) {
    newest = std::max(newest, span_of(h.append_time));
    if (!h.is_void && !h.id.is_none()) first[{h.id.low, h.id.high}].try_emplace(newest, h.seqno);
  }
  for (const auto& [id, spans] : first) {
    std::uint64_t seqno = 0;
    bool is_held = false;
    for (const auto& [span, where] : spans) {
      if (span < newest - 1) continue;
      is_held = true;
      if (seqno == 0 && span >= span_of(now) - 1) seqno = where;
    }
    const wal::EventId asked{id.first, id.second};
    SeqNo got;
    views.find_first({&asked, 1}, now, {&got, 1});
    const auto what = [&, &s = spans] { return "the event of record " + std::to_string(s.begin()->second); };
    out.same(seqno, got.value, what);
    out.same(seqno != 0, views.has_applied(asked, now), what);
    out.same(is_held, views.holds(asked), what);
  }
}

}  // namespace tidal::test::fold
