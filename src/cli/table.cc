// Measuring, fitting and printing tables.
#include "cli/table.h"

#include <algorithm>
#include <numeric>

#include "cli/text_width.h"

namespace tidal::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kCutMin = 8;  // a column is not cut below this

std::vector<std::size_t> natural_widths(const Table& table) {
  std::vector<std::size_t> widths;
  widths.reserve(table.columns.size());
  for (const Column& column : table.columns) widths.push_back(display_width(column.name));
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  return widths;
}

/// Takes columns away from the widest one that may be cut until the table fits or nothing more can be cut.
void shrink(const Table& table, std::vector<std::size_t>& widths, std::size_t width) {
  std::size_t total = std::accumulate(widths.begin(), widths.end(), std::size_t{0}) + kGap * (widths.size() - 1);
  while (total > width) {
    std::size_t widest = widths.size();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (table.columns[i].whole || widths[i] <= kCutMin) continue;
      if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == widths.size()) return;
    --widths[widest];
    --total;
  }
}

void append_cell(std::string& line, std::string_view text, std::size_t width, bool right) {
  const std::string cell = fit(text, std::max<std::size_t>(width, 1));
  const std::size_t taken = display_width(cell);
  const std::size_t pad = width > taken ? width - taken : 0;
  if (right) line.append(pad, ' ');
  line.append(cell);
  if (!right) line.append(pad, ' ');
}

void end_line(std::string& out, std::string& line) {
  line.erase(line.find_last_not_of(' ') + 1);
  out.append(line).append("\n");
  line.clear();
}

void append_csv_cell(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out.append(text);
    return;
  }
  out.push_back('"');
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

}  // namespace

std::string render(const Table& table, std::size_t width) {
  if (table.columns.empty()) return "";
  std::vector<std::size_t> widths = natural_widths(table);
  shrink(table, widths, width);
  std::string out;
  std::string line;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (i > 0) line.append(kGap, ' ');
    append_cell(line, table.columns[i].name, widths[i], table.columns[i].right);
  }
  end_line(out, line);
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (i > 0) line.append(kGap, ' ');
    line.append(widths[i], '-');
  }
  end_line(out, line);
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line.append(kGap, ' ');
      append_cell(line, row[i], widths[i], table.columns[i].right);
    }
    end_line(out, line);
  }
  return out;
}

std::string render_csv(const Table& table) {
  std::string out;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_csv_cell(out, table.columns[i].name);
  }
  out.push_back('\n');
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) out.push_back(',');
      append_csv_cell(out, row[i]);
    }
    out.push_back('\n');
  }
  return out;
}

}  // namespace tidal::cli
