// tidal wal dump, wal stats and inspect: looking into files without opening the database.
#include <map>
#include <ostream>

#include "base/file_system.h"
#include "cli/commands.h"
#include "cli/error_text.h"
#include "cli/interrupt.h"
#include "cli/quantity_text.h"
#include "cli/table.h"
#include "db/log_lines.h"
#include "db/offline/inspection.h"
#include "db/offline/log_walk.h"

namespace tidal::cli {
namespace {

Exit report_defects(const Terminal& terminal, const wal::LogSummary& log) {
  for (const std::string& note : db::notes_on(log)) terminal.err << "note: " << note << "\n";
  Exit result = Exit::Ok;
  for (const wal::Defect& defect : log.defects) {
    result = fail(terminal, Error(Code::Corruption, db::to_text(defect)));
  }
  return result;
}

}  // namespace

Exit run_wal_dump(const Terminal& terminal, const WalOptions& options) {
  std::uint64_t printed = 0;
  bool enough = false;
  const auto each = [&](const wal::WalEvent& event) -> Status {
    if (event.seqno.value < options.from) return {};
    enough = interrupted() || (options.limit > 0 && printed == options.limit);
    if (enough) return Error(Code::Unavailable, "enough");
    ++printed;
    terminal.out << db::dump_line(event) << "\n";
    return {};
  };
  const Result<wal::LogSummary> log = db::walk_log(base::posix_file_system(), options.directory, each);
  terminal.out.flush();
  if (enough) return Exit::Ok;
  if (!log.ok()) return fail(terminal, log.error());
  for (const wal::Gap& gap : db::missing_records(*log)) {
    if (gap.last_seqno.value >= options.from) warn(terminal, db::to_text(gap));
  }
  return report_defects(terminal, *log);
}

Exit run_wal_stats(const Terminal& terminal, const WalOptions& options) {
  struct Sum {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
  };
  std::map<std::string_view, Sum> by_type;
  const auto each = [&by_type](const wal::WalEvent& event) -> Status {
    Sum& sum = by_type[db::record_type_name(event.record.type)];
    ++sum.records;
    sum.bytes += event.record.subject_key.size() + event.record.user_key.size() + event.record.payload.size();
    return {};
  };
  const Result<wal::LogSummary> log = db::walk_log(base::posix_file_system(), options.directory, each);
  if (!log.ok()) return fail(terminal, log.error());
  Table table{{{.name = "segment"},
               {.name = "first seqno", .right = true},
               {.name = "records", .right = true},
               {.name = "frames", .right = true},
               {.name = "used", .right = true},
               {.name = "state"}},
              {}};
  for (const wal::SegmentSummary& segment : log->segments) {
    table.rows.push_back({segment.path.substr(segment.path.rfind('/') + 1),
                          segment.header ? with_commas(segment.header->first_seqno.value) : "?",
                          with_commas(segment.records), with_commas(segment.frames), bytes_text(segment.end_offset),
                          !segment.header    ? "unreadable"
                          : segment.archived ? "archived"
                          : segment.footer   ? "sealed"
                                             : "open"});
  }
  terminal.out << render(table, static_cast<std::size_t>(terminal.columns)) << "\n";
  Table types{{{.name = "type"}, {.name = "records", .right = true}, {.name = "keys and payload", .right = true}}, {}};
  for (const auto& [type, sum] : by_type) {
    types.rows.push_back({std::string(type), with_commas(sum.records), bytes_text(sum.bytes)});
  }
  terminal.out << render(types, static_cast<std::size_t>(terminal.columns)) << std::flush;
  for (const wal::Gap& gap : log->gaps) warn(terminal, db::to_text(gap));
  return report_defects(terminal, *log);
}

Exit run_inspect(const Terminal& terminal, const std::string& path) {
  const Status read = db::inspect_file(base::posix_file_system(), path,
                                       [&terminal](std::string_view line) { terminal.out << line << "\n"; });
  terminal.out.flush();
  return read.ok() ? Exit::Ok : fail(terminal, read.error());
}

}  // namespace tidal::cli
