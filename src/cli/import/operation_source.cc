// Choosing the form of a file by its content and handing out its operations.
#include "cli/import/operation_source.h"

#include <utility>

namespace tidal::cli {

bool looks_like_json(std::string_view head) {
  const std::size_t begin = head.find_first_not_of(" \t\r\n");
  return begin != std::string_view::npos && head[begin] == '{';
}

Status check_is_text(std::string_view head) {
  if (head.substr(0, 2) == "\xFF\xFE" || head.substr(0, 2) == "\xFE\xFF") {
    return Error(Code::InvalidArgument,
                 "expected UTF-8 text, got UTF-16 (iconv -f UTF-16 -t UTF-8 converts it): nothing was imported");
  }
  constexpr std::string_view kUsual = "\t\n\r\f\x1b";
  for (std::size_t i = 0; i < head.size(); ++i) {
    const auto byte = static_cast<unsigned char>(head[i]);
    if (byte >= 0x20 || kUsual.find(head[i]) != std::string_view::npos) continue;
    return Error(Code::InvalidArgument, "expected text (JSON lines, CSV or TSV), got binary data: byte " +
                                            std::to_string(byte) + " at offset " + std::to_string(i));
  }
  return {};
}

Result<std::unique_ptr<OperationSource>> OperationSource::open(base::FileSystem& fs, const std::string& path,
                                                               std::vector<Map> maps, const Context& context) {
  TIDAL_TRY_ASSIGN(std::unique_ptr<InputStream> stream, open_input(fs, path));
  std::unique_ptr<OperationSource> source(new OperationSource(std::move(stream), context));
  TIDAL_TRY(source->begin(std::move(maps)));
  return source;
}

Status OperationSource::begin(std::vector<Map> maps) {
  TIDAL_TRY_ASSIGN(const std::string_view head, lines_.peek());
  TIDAL_TRY(check_is_text(head));
  if (looks_like_json(head) || head.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    json_ = std::make_unique<JsonLineParser>(declared_, context_.created_at_now);
    const Result<bool> first = read_json();  // which order the file is in, its first line says
    return first.ok() ? Status() : Status(first.error());
  }
  if (maps.empty()) return Error(Code::InvalidArgument, "the file is a table: say with --map what its columns mean");
  maps_ = std::move(maps);
  csv_ = std::make_unique<CsvReader>(lines_, sniff_separator(head));
  for (const Map& map : maps_) {
    if (map.needs_header() != maps_.front().needs_header()) {
      return Error(Code::InvalidArgument, "one map names columns, another numbers them: use one of both");
    }
  }
  std::vector<std::string> header;
  if (maps_.front().needs_header()) {
    TIDAL_TRY_ASSIGN(const bool more, csv_->next(record_));
    if (more && !record_.defect.empty()) return Error(Code::InvalidArgument, "the header line: " + record_.defect);
    header.assign(record_.cells.begin(), record_.cells.end());
    columns_ = header.size();
  }
  for (Map& map : maps_) TIDAL_TRY(map.bind(header, declared_, context_.created_at_now));
  return {};
}

Status OperationSource::take(Parsed parsed, std::uint64_t line) {
  if (parsed.is_export_mark && !is_in_log_order_) {
    if (line == 1) {
      is_in_log_order_ = true;
    } else {
      parsed.reason = "op: 'export' belongs into the first line";
    }
  }
  if (!parsed.reason.empty()) TIDAL_TRY(context_.rejects.add(line, parsed.reason));
  if (!parsed.operation) return {};
  TIDAL_TRY(foresee(*parsed.operation));
  waiting_.push_back(*std::move(parsed.operation));
  return {};
}

Status OperationSource::foresee(ImportedOperation& operation) {
  const auto* definitions = std::get_if<Definitions>(&operation.what);
  if (definitions == nullptr) return {};
  Result<std::string> next = context_.target.schema_after(schema_, definitions->statements);
  if (!next.ok()) {
    operation.what = Refused{};
    return context_.rejects.add(operation.line, next.error().message);
  }
  schema_ = *std::move(next);
  declared_ = read_declared(schema_);
  return {};
}

Result<bool> OperationSource::read_json() {
  Line line;
  TIDAL_TRY_ASSIGN(const bool more, lines_.next(line));
  if (!more) return false;
  if (line.too_long) {
    TIDAL_TRY(context_.rejects.add(line.number, "line longer than 16 MiB"));
  } else if (line.text.find_first_not_of(" \t") != std::string_view::npos) {
    TIDAL_TRY(take(json_->parse(line.text, line.number), line.number));
  }
  return true;
}

Result<bool> OperationSource::read_row() {
  TIDAL_TRY_ASSIGN(const bool more, csv_->next(record_));
  if (!more) return false;
  std::string defect = std::move(record_.defect);
  if (columns_ == 0) columns_ = record_.cells.size();
  if (defect.empty() && record_.cells.size() != columns_) {
    defect = "expected " + std::to_string(columns_) + " columns, got " + std::to_string(record_.cells.size());
  }
  for (std::size_t i = 0; defect.empty() && i < record_.cells.size(); ++i) {
    if (!is_utf8(record_.cells[i])) defect = "column " + std::to_string(i + 1) + " is not valid UTF-8";
  }
  if (!defect.empty()) {
    TIDAL_TRY(context_.rejects.add(record_.line, defect));
    return true;
  }
  for (const Map& map : maps_) TIDAL_TRY(take(map.apply(record_.cells, record_.line), record_.line));
  return true;
}

Result<bool> OperationSource::next(ImportedOperation& operation) {
  while (waiting_.empty()) {
    TIDAL_TRY_ASSIGN(const bool more, json_ ? read_json() : read_row());
    if (!more) return false;
  }
  operation = std::move(waiting_.front());
  waiting_.pop_front();
  return true;
}

}  // namespace tidal::cli
