// The two sides of an import and what happens to a batch that the database refuses.
#include "cli/import/importer.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/hash.h"
#include "cli/import/batch_queue.h"
#include "cli/import/map.h"
#include "cli/import/operation_source.h"
#include "cli/import/rejects.h"
#include "cli/import/sorter.h"
#include "cli/interrupt.h"

namespace tidal::cli {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr std::size_t kBatchBytesMax = std::size_t{8} << 20;  // half of what one log frame holds
constexpr double kReadingShare = 0.3;                         // of the time of an ordered import, roughly

std::string as_string(const base::Hash256& hash) { return {reinterpret_cast<const char*>(hash.data()), hash.size()}; }

/// Numbers of the operations (from 0) that the error blames, ascending; empty when it blames none.
std::vector<std::pair<std::size_t, std::string>> blamed(const Error& error, std::size_t count) {
  std::vector<std::pair<std::size_t, std::string>> list;
  const auto note = [&list, count](const Error& e) {
    const bool about_one = e.detail != nullptr && e.detail->statement >= 1 && e.detail->statement <= count;
    if (about_one) list.emplace_back(e.detail->statement - 1, e.message);
  };
  note(error);
  for (const Error& other : error.others) note(other);
  std::sort(list.begin(), list.end());
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  list.erase(std::unique(list.begin(), list.end(), same), list.end());
  return list;
}

bool is_about_the_data(Code code) {
  return code == Code::InvalidArgument || code == Code::NotFound || code == Code::AlreadyExists ||
         code == Code::FailedPrecondition;
}

/// Bytes of an operation in a log frame, roughly and from above.
std::size_t weight_of(const ImportedOperation& operation) {
  const auto* what = std::get_if<Operation>(&operation.what);
  if (what == nullptr) return 0;
  if (const auto* signal = std::get_if<Signal>(what)) {
    return 128 + signal->kind.size() + signal->item.size() + signal->user.size() + signal->idempotency_key.size() +
           signal->context.size();
  }
  const auto* put = std::get_if<PutOperation>(what);
  if (put == nullptr) return 2048;  // keys, and a reason of at most 1 KiB
  std::size_t bytes = 384;
  for (const auto& [name, vector] : put->entity.embeddings) bytes += name.size() + 16 + vector.size() * sizeof(float);
  for (const auto& [name, value] : put->entity.fields) {
    bytes += name.size() + 16;
    if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
      for (const std::string& each : *list) bytes += each.size() + 8;
    }
  }
  return bytes;
}

/// The reading side: file → (order) → batches.
class Feeder {
 public:
  struct Parts {
    OperationSource& source;
    Sorter* sorter;  ///< nullptr: file order
    BatchQueue& queue;
    const ImportProgress& progress;
    std::uint64_t skip = 0;      ///< operations that the log holds already
    Rejects* retried = nullptr;  ///< told of the lines behind those
    std::size_t batch_operations = 0;
  };
  explicit Feeder(const Parts& parts) : parts_(parts) {}

  Status run() { return parts_.sorter == nullptr ? in_file_order() : in_time_order(); }
  /// Both only after run() returned and its thread was joined.
  [[nodiscard]] std::uint64_t operations() const { return position_; }
  [[nodiscard]] std::optional<Timestamp> newest() const { return newest_; }

 private:
  void note(const ImportedOperation& operation) {
    const bool has_time = operation.order != kEntitiesFirst && operation.order != kTimeless;
    if (!has_time || operation.keeps_place) return;
    newest_ = Timestamp{std::max(newest_ ? newest_->us : operation.order, operation.order)};
  }

  Status in_file_order() {
    ImportedOperation operation;
    while (true) {
      TIDAL_TRY_ASSIGN(const bool more, parts_.source.next(operation));
      if (!more) break;
      note(operation);
      if (!hand_over(std::move(operation), parts_.source.share())) return {};
    }
    flush();
    return {};
  }

  Status in_time_order() {
    TIDAL_TRY(fill_sorter());
    if (interrupted()) return {};
    const auto total = static_cast<double>(std::max<std::uint64_t>(parts_.sorter->count(), 1));
    std::string_view bytes;
    while (true) {
      TIDAL_TRY_ASSIGN(const bool more, parts_.sorter->next(bytes));
      if (!more) break;
      TIDAL_TRY_ASSIGN(ImportedOperation operation, decode_operation(bytes));
      const double share = static_cast<double>(position_) / total;
      if (!hand_over(std::move(operation), kReadingShare + (1 - kReadingShare) * share)) return {};
    }
    flush();
    return {};
  }

  Status fill_sorter() {
    ImportedOperation operation;
    std::string bytes;
    std::uint32_t section = 0;
    while (!interrupted()) {
      TIDAL_TRY_ASSIGN(const bool more, parts_.source.next(operation));
      if (!more) break;
      note(operation);
      encode_operation(operation, bytes);
      if (operation.keeps_place) ++section;
      TIDAL_TRY(parts_.sorter->add({.section = section, .time = operation.order}, bytes));
      if (operation.keeps_place) ++section;
      // Nothing is queued yet, so the writing side is not reporting at the same time.
      const std::uint64_t n = parts_.sorter->count();
      if (n % 4096 == 0) parts_.progress("reading", n, parts_.source.share() * kReadingShare);
    }
    return parts_.sorter->finish();
  }

  bool hand_over(ImportedOperation operation, double share) {
    if (position_ + 1 <= parts_.skip) {
      ++position_;
      return true;
    }
    if (parts_.retried != nullptr) parts_.retried->retry(operation.line);
    const bool alone = std::holds_alternative<Definitions>(operation.what);
    if (alone && !batch_.operations.empty() && !push(share)) return false;
    ++position_;
    batch_bytes_ += weight_of(operation);
    batch_.operations.push_back(std::move(operation));
    if (!alone && batch_.operations.size() < parts_.batch_operations && batch_bytes_ < kBatchBytesMax) return true;
    return push(share);
  }
  bool push(double share) {
    batch_.position = position_;
    batch_.share = share;
    batch_bytes_ = 0;
    return parts_.queue.push(std::exchange(batch_, {}));
  }
  void flush() {
    if (!batch_.operations.empty()) static_cast<void>(push(1));  // false: nobody listens any more
  }

  Parts parts_;
  Batch batch_;
  std::size_t batch_bytes_ = 0;
  std::uint64_t position_ = 0;
  std::optional<Timestamp> newest_;
};

/// Definitions come in a batch of their own.
Result<std::uint64_t> write_definitions(ImportTarget& target, Rejects& rejects, const ImportMark& mark,
                                        const ImportedOperation& operation) {
  TIDAL_TRY(rejects.flush());
  const Status written = target.define(std::get<Definitions>(operation.what), mark);
  if (written.ok()) return 1;
  if (!is_about_the_data(written.error().code)) return written.error();
  TIDAL_TRY(rejects.add(operation.line, written.error().message));
  return 0;
}

/// Writes one batch; operations that the database blames are rejected and the others tried again (I3).
Result<std::uint64_t> write_batch(ImportTarget& target, Rejects& rejects, BatchOptions options, Batch batch,
                                  std::uint64_t& duplicates) {
  options.import_mark->position = batch.position;
  if (std::holds_alternative<Definitions>(batch.operations.front().what)) {
    return write_definitions(target, rejects, *options.import_mark, batch.operations.front());
  }
  std::vector<Operation> operations;
  std::vector<std::uint64_t> lines;
  for (ImportedOperation& operation : batch.operations) {
    if (auto* what = std::get_if<Operation>(&operation.what); what != nullptr) {
      operations.push_back(std::move(*what));
      lines.push_back(operation.line);
    }
  }
  while (!operations.empty()) {
    TIDAL_TRY(rejects.flush());  // the mark covers them
    const Result<std::uint64_t> written = target.write(operations, options);
    if (written.ok()) {
      duplicates += *written;
      break;
    }
    const auto bad = blamed(written.error(), operations.size());
    if (bad.empty() || !is_about_the_data(written.error().code)) return written.error();
    for (const auto& [index, reason] : bad) TIDAL_TRY(rejects.add(lines[index], reason));
    for (auto at = bad.rbegin(); at != bad.rend(); ++at) {
      operations.erase(operations.begin() + static_cast<std::ptrdiff_t>(at->first));
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at->first));
    }
  }
  return operations.size();
}

/// The writing side, on the caller's thread.
Status write_all(ImportTarget& target, Rejects& rejects, const BatchOptions& options, BatchQueue& queue,
                 const ImportProgress& progress, ImportReport& report) {
  while (std::optional<Batch> batch = queue.pop()) {
    if (interrupted()) {
      report.interrupted = true;
      break;
    }
    const double share = batch->share;
    TIDAL_TRY_ASSIGN(const std::uint64_t applied,
                     write_batch(target, rejects, options, *std::move(batch), report.duplicates));
    report.applied += applied;
    progress("writing", report.applied, share);
  }
  return {};
}

}  // namespace

Result<std::string> import_identity(base::FileSystem& fs, const std::string& path, const ImportOptions& options) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<InputStream> stream, open_input(fs, path));
  base::Blake3 content;
  std::string piece(kPieceBytes, '\0');
  for (std::size_t n = piece.size(); n == piece.size() && !interrupted();) {
    TIDAL_TRY_ASSIGN(n, stream->read(piece));
    content.add(std::string_view(piece).substr(0, n));
  }
  std::string hashed = "tidal import 2\n" + as_string(content.digest());
  for (const std::string& map : options.maps) hashed.append("\nmap ").append(map);
  hashed += options.as_is ? "\nas is" : "\nby time";
  hashed += options.created_at_now ? "\ncreated now" : "";
  return as_string(base::blake3(hashed));
}

Result<ImportReport> import_file(base::FileSystem& fs, ImportTarget& target, const std::string& path,
                                 ImportOptions options, const ImportProgress& progress) {
  std::vector<Map> maps;
  for (const std::string& text : options.maps) {
    TIDAL_TRY_ASSIGN(Map map, Map::parse(text));
    maps.push_back(std::move(map));
  }
  const std::string rejects_path = options.rejects_path.empty() ? path + ".rejects" : options.rejects_path;
  if (rejects_path == path) return Error(Code::InvalidArgument, "--rejects: '" + path + "' is the file to read");
  Rejects rejects(fs, {.path = rejects_path, .must_work = options.rejects_must_work}, options.rejects_max);
  TIDAL_TRY_ASSIGN(
      const std::unique_ptr<OperationSource> source,
      OperationSource::open(fs, path, std::move(maps),
                            {.target = target, .rejects = rejects, .created_at_now = options.created_at_now}));
  options.as_is = options.as_is || source->is_in_log_order();
  if (source->is_json()) options.maps.clear();  // they say nothing about it, so they make no other import of it
  TIDAL_TRY_ASSIGN(const std::string id, import_identity(fs, path, options));
  std::optional<Sorter> sorter;
  if (!options.as_is) sorter.emplace(fs, options.spill_folder, options.sort_bytes);
  BatchQueue queue;
  const std::uint64_t position = target.position(id);
  TIDAL_TRY(rejects.begin(id, position > 0));
  // With several maps a line is several operations: one of them in the log already says nothing about the others.
  const bool lines_are_operations = options.maps.size() <= 1;
  Feeder feeder({.source = *source,
                 .sorter = sorter ? &*sorter : nullptr,
                 .queue = queue,
                 .progress = progress,
                 .skip = position,
                 .retried = position > 0 && lines_are_operations ? &rejects : nullptr,
                 .batch_operations = options.batch_operations});
  ImportReport report;
  Status written;
  {
    std::jthread reading([&feeder, &queue] { queue.finish(feeder.run()); });
    // What is copied from another log was judged there.
    const BatchOptions each{.keep_duplicates = options.as_is, .import_mark = ImportMark{.id = id, .position = 0}};
    written = write_all(target, rejects, each, queue, progress, report);
    queue.give_up();
  }
  rejects.finish();
  TIDAL_TRY(std::move(written));
  TIDAL_TRY(queue.end());
  report.interrupted = report.interrupted || interrupted();
  report.operations = feeder.operations();
  report.skipped = std::min(position, feeder.operations());
  report.rejected = rejects.count();
  report.rejected_earlier = rejects.count_of_earlier_runs();
  report.rejects_path = rejects.path();
  report.rejects_defect = rejects.defect();
  report.first_reject = rejects.first();
  report.newest = feeder.newest();
  return report;
}

}  // namespace tidal::cli
