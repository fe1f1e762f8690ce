// Collecting and writing rejects.
#include "cli/import/rejects.h"

#include <algorithm>
#include <array>
#include <utility>

#include "db/import_marks.h"

namespace tidal::cli {
namespace {

constexpr std::size_t kHeldBytesMax = std::size_t{64} << 10;
constexpr std::string_view kHeaderBegin = "# lines left out by tidal import ";

std::string header_of(std::string_view import_id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(kHeaderBegin);
  for (const char c : import_id) {
    const auto byte = static_cast<unsigned char>(c);
    text.append({kDigits[byte >> 4U], kDigits[byte & 0xFU]});
  }
  return text + "\n";
}

constexpr std::size_t kVersionBytesMax = 32;  // of a first line, behind the id

/// A later format writes its number behind the id: "… ID format 2". `head`: the file's first bytes.
Status check_format(const std::string& path, std::string_view head) {
  const std::size_t id_end = kHeaderBegin.size() + 2 * db::kImportIdBytes;
  if (head.size() <= id_end || !head.starts_with(kHeaderBegin) || head[id_end] == '\n') return {};
  const std::string_view rest = head.substr(id_end, head.find('\n') - id_end);
  return Error(Code::FailedPrecondition, "'" + path + "' is a list of rejects of" + std::string(rest) +
                                             ", this program reads format 1: move it away, or choose another place "
                                             "with --rejects");
}

/// A list has one line for each reject, whatever the reason quotes.
std::string list_line(std::uint64_t line, std::string_view reason) {
  std::string text = std::to_string(line) + "\t" + std::string(reason);
  std::replace(text.begin(), text.end(), '\n', ' ');
  std::replace(text.begin(), text.end(), '\r', ' ');
  return text + "\n";
}

/// Calls `take` with each whole line and gives the bytes up to the last one's end.
template <typename Take>
std::size_t each_line(std::string_view text, std::size_t begin, const Take& take) {
  for (std::size_t end = text.find('\n', begin); end != std::string_view::npos; end = text.find('\n', begin)) {
    take(text.substr(begin, end + 1 - begin));
    begin = end + 1;
  }
  return begin;
}

}  // namespace

Rejects::Rejects(base::FileSystem& fs, Place place, std::uint64_t most)
    : fs_(fs), place_(std::move(place)), most_(most) {}

Status Rejects::begin(std::string_view import_id, bool resumed) {
  base::MutexLock lock(mutex_);
  header_ = header_of(import_id);
  is_there_ = fs_.exists(place_.path);
  if (is_there_) {
    if (Status taken = take_over(header_, resumed); !taken.ok()) {
      is_there_ = false;  // not ours to remove
      const Code code = taken.error().code;
      if (code == Code::InvalidArgument || code == Code::FailedPrecondition) return taken;
      defect_ = std::move(taken);
    }
  }
  if (place_.must_work && defect_.ok() && file_ == nullptr) defect_ = open_file();
  return outcome();
}

Status Rejects::take_over(std::string_view header, bool resumed) {
  TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, fs_.open(place_.path, base::OpenMode::ReadWrite));
  std::string begin(header.size() + kVersionBytesMax, '\0');
  TIDAL_TRY_ASSIGN(const std::size_t n, file->read_at(0, std::as_writable_bytes(std::span(begin))));
  begin.resize(n);
  TIDAL_TRY(check_format(place_.path, begin));
  begin.resize(std::min(n, header.size()));
  const bool is_list = n == 0 || begin.compare(0, kHeaderBegin.size(), kHeaderBegin) == 0;
  const bool is_same = n == 0 || begin == header;
  if (!is_list || (place_.must_work && !is_same)) {
    return Error(Code::InvalidArgument, "'" + place_.path +
                                            "' is there already and is no list of rejects of this import: move it "
                                            "away, or choose another place with --rejects");
  }
  if (!resumed || !is_same || n == 0) return {};  // replaced with the first reject
  TIDAL_TRY_ASSIGN(const std::string text, base::read_file(fs_, place_.path));
  std::multimap<std::string, Earlier> lines;
  written_bytes_ = each_line(text, header.size(),
                             [&lines](std::string_view line) { lines.emplace(std::string(line), Earlier::Stands); });
  earlier_ = std::move(lines);
  TIDAL_TRY(file->truncate(written_bytes_));  // half a line of a killed run
  file_ = std::move(file);
  return {};
}

Status Rejects::open_file() {
  const base::OpenMode mode = is_there_ ? base::OpenMode::ReadWrite : base::OpenMode::Create;
  TIDAL_TRY_ASSIGN(file_, fs_.open(place_.path, mode));
  is_there_ = true;
  TIDAL_TRY(file_->truncate(0));
  TIDAL_TRY(file_->write_at(0, base::as_bytes(header_)));
  written_bytes_ = header_.size();
  const std::size_t slash = place_.path.rfind('/');
  return fs_.sync_directory(slash == std::string::npos ? "." : place_.path.substr(0, std::max<std::size_t>(slash, 1)));
}

Status Rejects::write_held() {
  if (file_ == nullptr) TIDAL_TRY(open_file());
  TIDAL_TRY(file_->write_at(written_bytes_, base::as_bytes(held_)));
  written_bytes_ += held_.size();
  held_.clear();
  return file_->sync();
}

void Rejects::write_out() {
  if (header_.empty() || held_.empty() || !defect_.ok()) return;
  defect_ = write_held();
}

Status Rejects::outcome() const {
  if (defect_.ok() || !place_.must_work) return {};
  return Error(defect_.error().code, "--rejects: could not write " + place_.path + ": " + defect_.error().message);
}

Status Rejects::add(std::uint64_t line, std::string_view reason) {
  base::MutexLock lock(mutex_);
  ++count_;
  if (first_.empty()) first_ = "line " + std::to_string(line) + ": " + std::string(reason);
  if (count_ > most_) {
    write_out();
    return Error(Code::InvalidArgument,
                 "more than " + std::to_string(most_) + " bad lines (--max-rejects); the first: " + first_);
  }
  const std::string listed = list_line(line, reason);
  if (const auto earlier = earlier_.find(listed); earlier != earlier_.end()) {
    earlier_.erase(earlier);
    return {};
  }
  held_.append(listed);
  if (held_.size() > kHeldBytesMax) write_out();
  return outcome();
}

void Rejects::retry(std::uint64_t line) {
  base::MutexLock lock(mutex_);
  if (earlier_.empty()) return;
  const std::string number = std::to_string(line) + "\t";
  for (auto at = earlier_.lower_bound(number); at != earlier_.end(); ++at) {
    if (at->first.compare(0, number.size(), number) != 0) break;
    at->second = Earlier::TriedAgain;
  }
}

Status Rejects::flush() {
  base::MutexLock lock(mutex_);
  write_out();
  return outcome();
}

Status Rejects::drop_what_was_tried_again() {
  if (standing() == earlier_.size()) return {};
  std::multimap<std::string, Earlier> gone = earlier_;
  TIDAL_TRY_ASSIGN(const std::string text, base::read_file(fs_, place_.path));
  std::string left = header_;
  each_line(text, header_.size(), [&gone, &left](std::string_view line) {
    const auto found = gone.find(std::string(line));
    const bool dropped = found != gone.end() && found->second == Earlier::TriedAgain;
    if (found != gone.end()) gone.erase(found);
    if (!dropped) left.append(line);
  });
  file_.reset();
  return base::write_file_atomically(fs_, place_.path, left);
}

void Rejects::finish() {
  base::MutexLock lock(mutex_);
  write_out();
  if (!defect_.ok()) return;
  if (count_ == 0 && standing() == 0) {
    file_.reset();
    if (is_there_) defect_ = fs_.remove(place_.path);
    return;
  }
  defect_ = drop_what_was_tried_again();
}

std::uint64_t Rejects::standing() const {
  return static_cast<std::uint64_t>(
      std::count_if(earlier_.begin(), earlier_.end(), [](const auto& each) { return each.second == Earlier::Stands; }));
}

std::uint64_t Rejects::count() const {
  base::MutexLock lock(mutex_);
  return count_ + standing();
}

std::uint64_t Rejects::count_of_earlier_runs() const {
  base::MutexLock lock(mutex_);
  return standing();
}

std::string Rejects::first() const {
  base::MutexLock lock(mutex_);
  if (!first_.empty()) return first_;
  for (const auto& [line, state] : earlier_) {
    if (state != Earlier::Stands) continue;
    const std::size_t tab = line.find('\t');
    return "line " + line.substr(0, tab) + ": " + line.substr(tab + 1, line.size() - tab - 2);
  }
  return "";
}

std::string Rejects::path() const {
  base::MutexLock lock(mutex_);
  return (count_ == 0 && standing() == 0) || !defect_.ok() ? "" : place_.path;
}

std::string Rejects::defect() const {
  base::MutexLock lock(mutex_);
  return defect_.ok() ? "" : "could not write " + place_.path + ": " + defect_.error().message;
}

}  // namespace tidal::cli
