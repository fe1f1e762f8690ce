// Splitting records: a fast path for lines without quotes, a careful one for the rest.
#include "cli/import/csv.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace tidal::cli {
namespace {

/// Does the text end inside a quoted cell? A quote opens one only where a cell begins; `open`: it began inside one.
bool quote_is_open(std::string_view text, char separator, bool open) {
  bool at_cell = !open;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (open) {
      const bool doubled = c == '"' && i + 1 < text.size() && text[i + 1] == '"';
      if (doubled) ++i;
      open = c != '"' || doubled;
    } else {
      open = at_cell && c == '"';
      at_cell = c == separator;
    }
  }
  return open;
}

/// Complete lines only, so that the last one is not cut in the middle (unless it is the only one).
std::vector<std::string_view> whole_lines(std::string_view head, std::size_t count) {
  std::vector<std::string_view> lines;
  while (!head.empty() && lines.size() < count) {
    const std::size_t end = head.find('\n');
    if (end == std::string_view::npos && !lines.empty()) break;
    std::string_view line = head.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!line.empty()) lines.push_back(line);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
  }
  return lines;
}

std::size_t separators_in(std::string_view line, char separator) {
  std::size_t n = 0;
  bool open = false;
  for (const char c : line) {
    if (c == '"') open = !open;
    if (c == separator && !open) ++n;
  }
  return n;
}

/// Bytes handed out once, for readers over text in memory.
class TextInput final : public InputStream {
 public:
  explicit TextInput(std::string_view text) : text_(text) {}
  Result<std::size_t> read(std::span<char> out) override {
    const std::size_t n = text_.copy(out.data(), out.size());
    text_.remove_prefix(n);
    return n;
  }
  double share() const override { return text_.empty() ? 1 : 0; }

 private:
  std::string_view text_;
};

}  // namespace

void CsvReader::split_plain(std::string_view line, CsvRecord& record) const {
  while (true) {
    const std::size_t end = line.find(separator_);
    record.cells.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return;
    line.remove_prefix(end + 1);
  }
}

void CsvReader::split_quoted(CsvRecord& record) {
  cleaned_.clear();
  places_.clear();
  std::size_t at = 0;
  while (true) {
    const std::size_t begin = cleaned_.size();
    if (at < whole_.size() && whole_[at] == '"') {
      ++at;
      while (at < whole_.size() && (whole_[at] != '"' || (at + 1 < whole_.size() && whole_[at + 1] == '"'))) {
        if (whole_[at] == '"') ++at;
        cleaned_.push_back(whole_[at++]);
      }
      ++at;  // the closing quote
      if (at < whole_.size() && whole_[at] != separator_) {
        record.defect = "text behind the closing quote of column " + std::to_string(places_.size() + 1);
        return;
      }
    } else {
      while (at < whole_.size() && whole_[at] != separator_) cleaned_.push_back(whole_[at++]);
    }
    places_.push_back({begin, cleaned_.size()});
    if (at >= whole_.size()) break;
    ++at;  // the separator
  }
  for (const auto& [begin, end] : places_) {
    record.cells.push_back(std::string_view(cleaned_).substr(begin, end - begin));
  }
}

Result<bool> CsvReader::next(CsvRecord& record) {
  record.cells.clear();
  record.defect.clear();
  Line line;
  do {
    TIDAL_TRY_ASSIGN(const bool more, lines_.next(line));
    if (!more) return false;
  } while (line.text.empty());
  record.line = line.number;
  if (line.too_long) {
    record.defect = "line longer than 16 MiB";
    return true;
  }
  if (line.text.find('"') == std::string_view::npos) {
    split_plain(line.text, record);
    return true;
  }
  whole_ = line.text;
  for (bool open = quote_is_open(line.text, separator_, false); open;
       open = quote_is_open(line.text, separator_, true)) {
    TIDAL_TRY_ASSIGN(const bool more, lines_.next(line));
    if (!more || whole_.size() + line.text.size() > kCsvRecordBytesMax) {
      record.defect = more ? "a quoted cell goes on for more than 1 MiB" : "a quote is never closed";
      return true;
    }
    whole_.append("\n").append(line.text);
  }
  split_quoted(record);
  if (!record.defect.empty()) record.cells.clear();
  return true;
}

char sniff_separator(std::string_view head) {
  constexpr std::array<char, 4> kCandidates = {',', '\t', ';', '|'};
  const std::vector<std::string_view> lines = whole_lines(head, 20);
  char best = ',';
  std::size_t best_lines = 0;
  std::size_t best_count = 0;
  for (const char candidate : kCandidates) {
    std::map<std::size_t, std::size_t> lines_with;
    for (const std::string_view line : lines) ++lines_with[separators_in(line, candidate)];
    for (const auto& [count, n] : lines_with) {
      if (count == 0) continue;
      if (n > best_lines || (n == best_lines && count > best_count)) {
        best = candidate;
        best_lines = n;
        best_count = count;
      }
    }
  }
  return best;
}

std::vector<std::vector<std::string>> first_records(std::string_view head, char separator, std::size_t count) {
  // A cut last line would look like a shorter record.
  if (const std::size_t end = head.rfind('\n'); end != std::string_view::npos) head = head.substr(0, end);
  LineReader lines(std::make_unique<TextInput>(head));
  CsvReader reader(lines, separator);
  std::vector<std::vector<std::string>> records;
  CsvRecord record;
  while (records.size() < count) {
    const Result<bool> more = reader.next(record);
    if (!more.ok() || !*more) break;
    if (record.defect.empty()) records.push_back({record.cells.begin(), record.cells.end()});
  }
  return records;
}

}  // namespace tidal::cli
