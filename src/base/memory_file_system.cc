// A tree of nodes with, side by side, what is there now and what a crash would certainly keep.
#include "base/memory_file_system.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace tidal::base {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
using Page = std::array<std::byte, kPageBytes>;

/// Parts of a path, "." and empty ones left out.
std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

std::pair<std::string, std::string> split_last(const std::string& path) {
  std::vector<std::string> parts = split(path);
  if (parts.empty()) return {};
  std::string name = std::move(parts.back());
  std::string parent;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) parent += "/" + parts[i];
  return {parent, name};
}

/// Of at most a page.
bool is_zero(Bytes bytes) {
  static constexpr Page kZeros{};
  return std::memcmp(bytes.data(), kZeros.data(), bytes.size()) == 0;
}

/// Makes everything at and after `size` read as zeros.
void cut(std::map<std::uint64_t, Page>& pages, std::uint64_t size) {
  pages.erase(pages.lower_bound((size + kPageBytes - 1) / kPageBytes), pages.end());
  if (const auto last = pages.find(size / kPageBytes); last != pages.end()) {
    std::memset(last->second.data() + size % kPageBytes, 0, kPageBytes - size % kPageBytes);
  }
}

Error not_found(std::string_view what, const std::string& path) {
  return Error(Code::NotFound, std::string(what) + " " + path + ": no such file or directory");
}

Error io_error(std::string_view what, const std::string& path, std::string_view why) {
  return Error(Code::IoError, std::string(what) + " " + path + ": " + std::string(why));
}

}  // namespace

struct MemoryFileSystem::Node {
  explicit Node(bool is_dir) : is_directory(is_dir) {}
  const bool is_directory;

  // File. A page that is absent holds zeros. Pages in `dirty` may differ from the durable ones.
  std::map<std::uint64_t, Page> pages;
  std::map<std::uint64_t, Page> durable_pages;
  std::set<std::uint64_t> dirty;
  std::uint64_t size = 0;
  std::uint64_t durable_size = 0;

  // Directory. A change assigns nodes (null: removed) to names; changes since the last sync are pending.
  using Change = std::vector<std::pair<std::string, std::shared_ptr<Node>>>;
  Names names;
  Names durable_names;
  std::vector<Change> pending;

  static void assign(Names& to, const Change& change) {
    for (const auto& [name, node] : change) {
      if (node) {
        to.insert_or_assign(name, node);
      } else {
        to.erase(name);
      }
    }
  }
  void change_names(Change change) {
    assign(names, change);
    pending.push_back(std::move(change));
  }
  void keep_page(std::uint64_t number) {
    if (const auto page = pages.find(number); page != pages.end()) {
      durable_pages.insert_or_assign(number, page->second);
    } else {
      durable_pages.erase(number);
    }
  }
};

class MemoryFileSystem::MemoryFile final : public File {
 public:
  MemoryFile(MemoryFileSystem& fs, std::string path, std::shared_ptr<Node> node, std::uint64_t generation,
             bool writable)
      : fs_(fs), path_(std::move(path)), node_(std::move(node)), generation_(generation), writable_(writable) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    const MutexLock lock(fs_.mutex_);
    TIDAL_TRY(check_alive("read"));
    if (offset >= node_->size) return std::size_t{0};
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), node_->size - offset));
    for (std::size_t done = 0; done < n;) {
      const std::uint64_t at = offset + done;
      const std::size_t part = std::min<std::size_t>(n - done, kPageBytes - at % kPageBytes);
      const auto page = node_->pages.find(at / kPageBytes);
      if (page == node_->pages.end()) {
        std::memset(out.data() + done, 0, part);
      } else {
        std::memcpy(out.data() + done, page->second.data() + at % kPageBytes, part);
      }
      done += part;
    }
    return n;
  }

  Status write_at(std::uint64_t offset, Bytes data) override {
    fs_.announce({.kind = FileOperation::Kind::Write, .path = path_, .offset = offset, .data = data});
    const MutexLock lock(fs_.mutex_);
    TIDAL_TRY(check_alive("write"));
    if (!writable_) return io_error("write", path_, "opened for reading");
    return fs_.write(*node_, path_, offset, data);
  }

  Status reserve(std::uint64_t bytes) override {
    const MutexLock lock(fs_.mutex_);
    TIDAL_TRY(check_alive("reserve space for"));
    if (bytes <= node_->size || bytes - node_->size <= fs_.space_left_) return {};
    return Error(Code::ResourceExhausted, "reserve space for " + path_ + ": no space left");
  }

  Status sync() override {
    fs_.announce({.kind = FileOperation::Kind::Sync, .path = path_});
    const MutexLock lock(fs_.mutex_);
    TIDAL_TRY(check_alive("sync"));
    return fs_.sync(*node_, path_);
  }

  Result<std::uint64_t> size() const override {
    const MutexLock lock(fs_.mutex_);
    TIDAL_TRY(check_alive("size of"));
    return node_->size;
  }

  Status truncate(std::uint64_t size) override {
    fs_.announce({.kind = FileOperation::Kind::Truncate, .path = path_, .offset = size});
    const MutexLock lock(fs_.mutex_);
    TIDAL_TRY(check_alive("truncate"));
    if (!writable_) return io_error("truncate", path_, "opened for reading");
    TIDAL_TRY(fs_.whole_operation("truncate", path_));
    fs_.resize(*node_, size);
    return {};
  }

 private:
  Status check_alive(std::string_view what) const TIDAL_REQUIRES(fs_.mutex_) {
    if (generation_ != fs_.generation_) return io_error(what, path_, "opened before the crash");
    return {};
  }

  MemoryFileSystem& fs_;
  const std::string path_;
  const std::shared_ptr<Node> node_;
  const std::uint64_t generation_;
  const bool writable_;
};

class MemoryFileSystem::MemoryLock final : public FileLock {
 public:
  MemoryLock(MemoryFileSystem& fs, std::string path, std::uint64_t generation)
      : fs_(fs), path_(std::move(path)), generation_(generation) {}
  ~MemoryLock() override {
    const MutexLock lock(fs_.mutex_);
    if (generation_ == fs_.generation_) fs_.locks_.erase(path_);
  }

 private:
  MemoryFileSystem& fs_;
  const std::string path_;
  const std::uint64_t generation_;
};

MemoryFileSystem::MemoryFileSystem(std::uint64_t seed) : random_(seed), root_(std::make_shared<Node>(true)) {}
MemoryFileSystem::~MemoryFileSystem() = default;

MemoryFileSystem::Verdict MemoryFileSystem::count_operation(std::string_view what, const std::string& path) {
  ++operations_;
  if (stop_at_ && operations_ >= *stop_at_) {
    return {.proceeds = false, .error = io_error(what, path, "the power is off"), .partly = operations_ == stop_at_};
  }
  if (operations_ != fault_at_) return {};
  const bool no_space = fault_ == Fault::NoSpace;
  return {.proceeds = false,
          .error = no_space ? Error(Code::ResourceExhausted, std::string(what) + " " + path + ": no space left")
                            : io_error(what, path, "injected fault"),
          .partly = fault_ != Fault::IoError || what == "sync"};
}

Status MemoryFileSystem::whole_operation(std::string_view what, const std::string& path) {
  Verdict verdict = count_operation(what, path);
  if (!verdict.proceeds) return std::move(*verdict.error);
  return {};
}

std::shared_ptr<MemoryFileSystem::Node> MemoryFileSystem::find(std::string_view path) const {
  std::shared_ptr<Node> node = root_;
  for (const std::string& part : split(path)) {
    const auto found = node->names.find(part);
    if (found == node->names.end()) return nullptr;
    node = found->second;
  }
  return node;
}

bool MemoryFileSystem::ignores(SyncKind kind, const std::string& path) const {
  return std::any_of(ignored_.begin(), ignored_.end(), [&](const auto& ignored) {
    return ignored.first == kind && path.find(ignored.second) != std::string::npos;
  });
}

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, OpenMode mode) {
  if (mode == OpenMode::Create) announce({.kind = FileOperation::Kind::Create, .path = path});
  const MutexLock lock(mutex_);
  std::shared_ptr<Node> node = find(path);
  if (mode == OpenMode::Create) {
    if (node) return Error(Code::AlreadyExists, "open " + path + ": file exists");
    const auto [parent_path, name] = split_last(path);
    const std::shared_ptr<Node> parent = find(parent_path);
    if (!parent || !parent->is_directory) return not_found("open", path);
    TIDAL_TRY(whole_operation("create", path));
    node = std::make_shared<Node>(false);
    parent->change_names({{name, node}});
  }
  if (!node) return not_found("open", path);
  if (node->is_directory) return io_error("open", path, "is a directory");
  return std::unique_ptr<File>(
      std::make_unique<MemoryFile>(*this, path, std::move(node), generation_, mode != OpenMode::Read));
}

Status MemoryFileSystem::create_directories(const std::string& path) {
  if (!is_directory(path)) announce({.kind = FileOperation::Kind::CreateDirectory, .path = path});
  const MutexLock lock(mutex_);
  std::shared_ptr<Node> node = root_;
  for (const std::string& part : split(path)) {
    std::shared_ptr<Node> child;
    if (const auto found = node->names.find(part); found != node->names.end()) {
      child = found->second;
      if (!child->is_directory) return io_error("create directory", path, part + " is a file");
    } else {
      TIDAL_TRY(whole_operation("create directory", path));
      child = std::make_shared<Node>(true);
      for (Node::Change& change : node->pending) {
        std::erase_if(change, [&](const auto& assignment) { return assignment.first == part; });
      }
      node->names[part] = child;
      node->durable_names[part] = child;
    }
    node = std::move(child);
  }
  return {};
}

Status MemoryFileSystem::sync_directory(const std::string& path) {
  announce({.kind = FileOperation::Kind::SyncDirectory, .path = path});
  const MutexLock lock(mutex_);
  const std::shared_ptr<Node> node = find(path);
  if (!node || !node->is_directory) return not_found("sync directory", path);
  TIDAL_TRY(whole_operation("sync directory", path));
  if (ignores(SyncKind::Directory, path)) return {};
  node->durable_names = node->names;
  node->pending.clear();
  return {};
}

Result<std::vector<std::string>> MemoryFileSystem::list(const std::string& path) const {
  const MutexLock lock(mutex_);
  const std::shared_ptr<Node> node = find(path);
  if (!node || !node->is_directory) return not_found("list", path);
  std::vector<std::string> names;
  for (const auto& [name, child] : node->names) names.push_back(name);
  return names;
}

bool MemoryFileSystem::exists(const std::string& path) const {
  const MutexLock lock(mutex_);
  return find(path) != nullptr;
}

bool MemoryFileSystem::is_directory(const std::string& path) const {
  const MutexLock lock(mutex_);
  const std::shared_ptr<Node> node = find(path);
  return node && node->is_directory;
}

Status MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  announce({.kind = FileOperation::Kind::Rename, .path = to});
  const MutexLock lock(mutex_);
  const auto [from_parent_path, from_name] = split_last(from);
  const auto [to_parent_path, to_name] = split_last(to);
  const std::shared_ptr<Node> node = find(from);
  const std::shared_ptr<Node> from_parent = find(from_parent_path);
  const std::shared_ptr<Node> to_parent = find(to_parent_path);
  if (!node || !to_parent || !to_parent->is_directory) return not_found("rename " + from + " to", to);
  if (const std::shared_ptr<Node> target = find(to); target && (target->is_directory || node->is_directory)) {
    return io_error("rename " + from + " to", to, "is in the way");
  }
  TIDAL_TRY(whole_operation("rename", to));
  if (from_parent == to_parent) {
    from_parent->change_names({{from_name, nullptr}, {to_name, node}});
  } else {
    to_parent->change_names({{to_name, node}});
    from_parent->change_names({{from_name, nullptr}});
  }
  return {};
}

Status MemoryFileSystem::remove(const std::string& path) {
  announce({.kind = FileOperation::Kind::Remove, .path = path});
  const MutexLock lock(mutex_);
  const std::shared_ptr<Node> node = find(path);
  if (!node) return not_found("remove", path);
  if (node->is_directory && !node->names.empty()) return io_error("remove", path, "directory is not empty");
  TIDAL_TRY(whole_operation("remove", path));
  remove_name(path);
  return {};
}

void MemoryFileSystem::remove_name(const std::string& path) {
  if (is_limited()) space_left_ += find(path)->size;
  const auto [parent_path, name] = split_last(path);
  find(parent_path)->change_names({{name, nullptr}});
}

/// Everything, or by coin toss.
void MemoryFileSystem::remove_below(Node& directory, bool all) {
  const Names names = directory.names;
  for (const auto& [name, node] : names) {
    if (!all && (node->is_directory || random_.coin())) continue;
    if (node->is_directory) remove_below(*node, true);
    if (is_limited()) space_left_ += node->size;
    directory.change_names({{name, nullptr}});
  }
}

Status MemoryFileSystem::remove_all(const std::string& path) {
  if (exists(path)) announce({.kind = FileOperation::Kind::RemoveAll, .path = path});
  const MutexLock lock(mutex_);
  const std::shared_ptr<Node> node = find(path);
  if (!node) return {};
  if (Verdict verdict = count_operation("remove", path); !verdict.proceeds) {
    if (verdict.partly && node->is_directory) remove_below(*node, false);
    return std::move(*verdict.error);
  }
  if (node->is_directory) remove_below(*node, true);
  remove_name(path);
  return {};
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::lock(const std::string& path) {
  const MutexLock guard(mutex_);
  const std::shared_ptr<Node> parent = find(split_last(path).first);
  if (!parent || !parent->is_directory) return not_found("lock", path);
  if (!locks_.insert(path).second) {
    return Error(Code::AlreadyOpen, "lock " + path + ": held by another open database");
  }
  return std::unique_ptr<FileLock>(std::make_unique<MemoryLock>(*this, path, generation_));
}

Status MemoryFileSystem::write(Node& node, const std::string& path, std::uint64_t offset, Bytes data) {
  Verdict verdict = count_operation("write", path);
  if (!verdict.proceeds) {
    if (verdict.partly) put_bytes(node, offset, data.first(random_.below(data.size() + 1)));
    return std::move(*verdict.error);
  }
  const std::uint64_t end = offset + data.size();
  const std::uint64_t growth = end > node.size ? end - node.size : 0;
  if (growth > space_left_) {
    put_bytes(node, offset, data.first(data.size() - std::min<std::uint64_t>(data.size(), growth - space_left_)));
    return Error(Code::ResourceExhausted, "write " + path + ": no space left");
  }
  put_bytes(node, offset, data);
  return {};
}

void MemoryFileSystem::put_bytes(Node& node, std::uint64_t offset, Bytes data) {
  if (data.empty()) return;
  if (offset + data.size() > node.size) resize(node, offset + data.size());
  while (!data.empty()) {
    const std::uint64_t number = offset / kPageBytes;
    const std::size_t part = std::min<std::size_t>(data.size(), kPageBytes - offset % kPageBytes);
    const Bytes bytes = data.first(part);
    auto page = node.pages.find(number);
    if (page == node.pages.end() && !is_zero(bytes)) page = node.pages.emplace(number, Page{}).first;
    if (page != node.pages.end()) {
      std::memcpy(page->second.data() + offset % kPageBytes, bytes.data(), part);
      node.dirty.insert(number);
    }
    offset += part;
    data = data.subspan(part);
  }
}

void MemoryFileSystem::resize(Node& node, std::uint64_t size) {
  if (size < node.size) {
    if (is_limited()) space_left_ += node.size - size;
    for (auto page = node.pages.lower_bound(size / kPageBytes); page != node.pages.end(); ++page) {
      node.dirty.insert(page->first);
    }
    cut(node.pages, size);
  } else if (is_limited()) {
    space_left_ -= std::min(space_left_, size - node.size);
  }
  node.size = size;
}

Status MemoryFileSystem::sync(Node& node, const std::string& path) {
  Verdict verdict = count_operation("sync", path);
  if (!verdict.proceeds) {
    if (verdict.partly) toss_pages(node);
    return std::move(*verdict.error);
  }
  if (ignores(SyncKind::File, path)) return {};
  for (const std::uint64_t number : node.dirty) node.keep_page(number);
  node.dirty.clear();
  node.durable_size = node.size;
  return {};
}

/// Makes each dirty page durable by coin toss; none is dirty afterwards.
void MemoryFileSystem::toss_pages(Node& node) {
  for (const std::uint64_t number : node.dirty) {
    if (random_.coin()) node.keep_page(number);
  }
  if (random_.coin()) node.durable_size = node.size;
  node.dirty.clear();
}

void MemoryFileSystem::crash_below(Node& directory) {
  for (const Node::Change& change : directory.pending) {
    if (random_.coin()) Node::assign(directory.durable_names, change);
  }
  directory.pending.clear();
  directory.names = directory.durable_names;
  for (const auto& [name, node] : directory.names) {
    if (node->is_directory) {
      crash_below(*node);
      continue;
    }
    toss_pages(*node);
    cut(node->durable_pages, node->durable_size);
    node->pages = node->durable_pages;
    node->size = node->durable_size;
  }
}

void MemoryFileSystem::crash() {
  const MutexLock lock(mutex_);
  ++generation_;
  locks_.clear();
  stop_at_.reset();
  fault_at_ = 0;
  crash_below(*root_);
}

std::uint64_t MemoryFileSystem::operations() const {
  const MutexLock lock(mutex_);
  return operations_;
}

void MemoryFileSystem::fail_operation(std::uint64_t n, Fault fault) {
  const MutexLock lock(mutex_);
  fault_at_ = operations_ + n;
  fault_ = fault;
}

void MemoryFileSystem::stop_at(std::uint64_t n) {
  const MutexLock lock(mutex_);
  stop_at_ = operations_ + n;
}

void MemoryFileSystem::set_space(std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  space_left_ = bytes;
}

void MemoryFileSystem::ignore_syncs(SyncKind kind, std::string path_part) {
  const MutexLock lock(mutex_);
  ignored_.emplace_back(kind, std::move(path_part));
}

}  // namespace tidal::base
