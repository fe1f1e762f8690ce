// Walks the trees of an LMDB file page by page.
#include "storage/lmdb_file.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "storage/sealed_value.h"

namespace tidal::storage {
namespace {

constexpr std::size_t kPageHeaderBytes = 16;
constexpr std::size_t kNodeHeaderBytes = 8;
constexpr std::size_t kTreeBytes = 48;
constexpr std::size_t kMetaBytes = 24 + 2 * kTreeBytes + 16;
constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kVersion = 1;  // of LMDB's data
constexpr std::uint64_t kNoPage = ~std::uint64_t{0};
constexpr unsigned kDepthMax = 32;  // of LMDB's cursors
constexpr std::uint16_t kBranch = 1;
constexpr std::uint16_t kLeaf = 2;
constexpr std::uint16_t kOverflow = 4;
constexpr std::uint16_t kMetaPage = 8;
constexpr std::uint16_t kBigData = 1;   // the node holds the page number of its value
constexpr std::uint16_t kTreeData = 2;  // the node holds a tree's root
constexpr std::uint16_t kIntegerKeys = 8;
constexpr std::uint64_t kUnwrittenPagesMax = std::uint64_t{1} << 24;  // of one transaction, allocated and given back

template <class T>
T load(std::string_view bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// MDB_db.
struct Tree {
  std::uint32_t pad;
  std::uint16_t flags;
  std::uint16_t depth;
  std::uint64_t branch_pages;
  std::uint64_t leaf_pages;
  std::uint64_t overflow_pages;
  std::uint64_t entries;
  std::uint64_t root;

  static Tree from(std::string_view b) {
    return {load<std::uint32_t>(b, 0),  load<std::uint16_t>(b, 4),  load<std::uint16_t>(b, 6),
            load<std::uint64_t>(b, 8),  load<std::uint64_t>(b, 16), load<std::uint64_t>(b, 24),
            load<std::uint64_t>(b, 32), load<std::uint64_t>(b, 40)};
  }
};

struct Meta {
  Tree free;
  Tree main;
  std::uint64_t last_page;
  std::uint64_t transaction;
};

struct Node {
  std::uint16_t flags;
  std::string_view key;
  std::string_view data;      // as it stands in the page
  std::uint64_t child;        // of a branch
  std::uint32_t value_bytes;  // of a leaf
};

/// Separators that enclose the keys of a page.
struct Bounds {
  std::string_view low;
  std::optional<std::string_view> high;
};

class Walk {
 public:
  Walk(const base::File& file, std::string path) : file_(file), path_(std::move(path)) {}
  Result<LmdbFileSummary> run();

 private:
  enum class Kind : std::uint8_t { Free, Main, Ours };
  using Entry = Status (Walk::*)(const Node& node);

  Error damage(std::uint64_t page, std::string_view what) const {
    return Error(Code::Corruption, "lmdb file " + path_ + " page " + std::to_string(page) + ": " + std::string(what));
  }
  Error newer(std::string_view what, std::uint32_t format, std::uint32_t known) const {
    return Error(Code::FailedPrecondition, "lmdb file " + path_ + ": format " + std::string(what) +
                                               std::to_string(format) + " is newer than this program's format " +
                                               std::to_string(known));
  }
  Result<std::string> read(std::uint64_t offset, std::uint64_t bytes) const;
  Result<Meta> read_meta(std::uint64_t page) const;
  Status choose_meta();
  Status warm() const;
  Status take(std::uint64_t page, std::uint64_t count);
  Result<std::vector<Node>> nodes_of(std::uint64_t page, std::string_view bytes, bool is_leaf) const;
  Status check_keys(std::uint64_t page, const std::vector<Node>& nodes, bool is_leaf, Kind kind, const Bounds& bounds);
  Status walk_tree(const Tree& tree, Kind kind, Entry entry);
  Status walk_page(std::uint64_t page, unsigned depth, const Tree& tree, Kind kind, Entry entry, const Bounds& bounds);
  Result<std::string_view> value_of(const Node& node);
  Status free_entry(const Node& node);
  Status main_entry(const Node& node);
  Status value_entry(const Node& node);
  Status meta_entry(const Node& node);

  const base::File& file_;
  const std::string path_;
  std::uint64_t page_bytes_ = 0;
  Meta meta_{};
  std::uint64_t file_bytes_ = 0;
  std::vector<bool> taken_;
  std::uint64_t branches_ = 0;
  std::uint64_t leaves_ = 0;
  std::uint64_t overflows_ = 0;
  std::uint64_t entries_ = 0;
  std::optional<Tree> values_tree_;
  std::optional<Tree> meta_tree_;
  std::string large_value_;
  LmdbFileSummary summary_;
};

Result<std::string> Walk::read(std::uint64_t offset, std::uint64_t bytes) const {
  std::string out(bytes, '\0');
  TIDAL_TRY_ASSIGN(const std::size_t n, file_.read_at(offset, std::as_writable_bytes(std::span(out))));
  if (n != bytes) return damage(page_bytes_ == 0 ? 0 : offset / page_bytes_, "the file ends inside it");
  return out;
}

Result<Meta> Walk::read_meta(std::uint64_t page) const {
  TIDAL_TRY_ASSIGN(const std::string bytes, read(page * page_bytes_, kPageHeaderBytes + kMetaBytes));
  const std::string_view meta = std::string_view(bytes).substr(kPageHeaderBytes);
  if (const auto version = load<std::uint32_t>(meta, 4); load<std::uint32_t>(meta, 0) == kMagic && version > kVersion) {
    return newer("of LMDB's data ", version, kVersion);
  }
  const bool sound = (load<std::uint16_t>(bytes, 10) & kMetaPage) != 0 && load<std::uint32_t>(meta, 0) == kMagic &&
                     load<std::uint32_t>(meta, 4) == kVersion;
  if (!sound) return damage(page, "no meta page");
  return Meta{.free = Tree::from(meta.substr(24)),
              .main = Tree::from(meta.substr(24 + kTreeBytes)),
              .last_page = load<std::uint64_t>(meta, 24 + 2 * kTreeBytes),
              .transaction = load<std::uint64_t>(meta, 32 + 2 * kTreeBytes)};
}

/// The one LMDB takes: of the higher transaction, which stands in the page of its parity.
Status Walk::choose_meta() {
  TIDAL_TRY_ASSIGN(const Meta first, read_meta(0));
  page_bytes_ = first.free.pad;
  if (page_bytes_ < 512 || page_bytes_ > 65536 || (page_bytes_ & (page_bytes_ - 1)) != 0) {
    return damage(0, "impossible page size");
  }
  TIDAL_TRY_ASSIGN(const Meta second, read_meta(1));
  const bool newer = second.transaction > first.transaction;
  meta_ = newer ? second : first;
  if (meta_.free.pad != page_bytes_ || (meta_.transaction & 1) != (newer ? 1 : 0)) {
    return damage(newer ? 1 : 0, "the meta page is not of this place");
  }
  if (meta_.free.flags != kIntegerKeys || meta_.main.flags != 0) return damage(newer ? 1 : 0, "unknown tree flags");
  TIDAL_TRY_ASSIGN(file_bytes_, file_.size());
  // Not the file's last page: one that a transaction allocated and gave back was never written, and a sound file may
  // end before it. Pages that are used are there, or reading them fails.
  if (meta_.last_page < 1 || meta_.last_page > file_bytes_ / page_bytes_ + kUnwrittenPagesMax) {
    return damage(newer ? 1 : 0, "impossible last page " + std::to_string(meta_.last_page));
  }
  taken_.assign(meta_.last_page + 1, false);
  taken_[0] = taken_[1] = true;
  return {};
}

/// Pages are visited in the order of their keys: a pass in the order of the file lets the disk read ahead.
Status Walk::warm() const {
  constexpr std::uint64_t kChunkBytesMax = 1U << 20U;
  std::string chunk(std::min(file_bytes_, kChunkBytesMax), '\0');
  for (std::uint64_t at = 0; at < file_bytes_; at += chunk.size()) {
    TIDAL_TRY(file_.read_at(at, std::as_writable_bytes(std::span(chunk))));
  }
  return {};
}

Status Walk::take(std::uint64_t page, std::uint64_t count) {
  if (count == 0 || page > meta_.last_page || count > meta_.last_page + 1 - page) {
    return damage(page, "lies beyond the last page");
  }
  for (std::uint64_t p = page; p < page + count; ++p) {
    if (taken_[p]) return damage(p, "is used twice");
    taken_[p] = true;
  }
  return {};
}

/// The entries of a page: all within it, none over another.
Result<std::vector<Node>> Walk::nodes_of(std::uint64_t page, std::string_view bytes, bool is_leaf) const {
  const std::size_t lower = load<std::uint16_t>(bytes, 12);
  const std::size_t upper = load<std::uint16_t>(bytes, 14);
  if (lower < kPageHeaderBytes || lower % 2 != 0 || lower > upper || upper > bytes.size()) {
    return damage(page, "impossible bounds");
  }
  std::vector<Node> nodes;
  std::vector<std::pair<std::size_t, std::size_t>> extents;
  for (std::size_t slot = kPageHeaderBytes; slot < lower; slot += 2) {
    const std::size_t at = load<std::uint16_t>(bytes, slot);
    if (at < upper || at % 2 != 0 || at + kNodeHeaderBytes > bytes.size()) return damage(page, "an entry lies outside");
    const std::uint32_t low_bits = load<std::uint32_t>(bytes, at);
    const auto flags = load<std::uint16_t>(bytes, at + 4);
    const std::size_t key_bytes = load<std::uint16_t>(bytes, at + 6);
    std::size_t data_bytes = 0;
    if (is_leaf) data_bytes = (flags & kBigData) != 0 ? sizeof(std::uint64_t) : low_bits;
    const std::size_t end = at + kNodeHeaderBytes + key_bytes + data_bytes;
    if (key_bytes > bytes.size() || data_bytes > bytes.size() || end > bytes.size()) {
      return damage(page, "an entry lies outside");
    }
    extents.emplace_back(at, end);
    Node node{.flags = flags,
              .key = bytes.substr(at + kNodeHeaderBytes, key_bytes),
              .data = bytes.substr(at + kNodeHeaderBytes + key_bytes, data_bytes),
              .child = low_bits | std::uint64_t{flags} << 32,
              .value_bytes = low_bits};
    nodes.push_back(node);
  }
  std::sort(extents.begin(), extents.end());
  for (std::size_t i = 1; i < extents.size(); ++i) {
    if (extents[i - 1].second > extents[i].first) return damage(page, "entries overlap");
  }
  return nodes;
}

Status Walk::check_keys(std::uint64_t page, const std::vector<Node>& nodes, bool is_leaf, Kind kind,
                        const Bounds& bounds) {
  std::string_view before = bounds.low;
  bool may_equal = true;  // the first key may be the separator itself
  // The first key of a branch stands for everything below the second and is never looked at.
  for (std::size_t i = is_leaf ? 0 : 1; i < nodes.size(); ++i) {
    const std::string_view key = nodes[i].key;
    const bool fits = kind == Kind::Free ? key.size() == sizeof(std::uint64_t) : check_key(key).ok();
    if (!fits) return damage(page, "a key of " + std::to_string(key.size()) + " bytes");
    int order = 1;
    if (kind != Kind::Free) {
      order = key.compare(before);
    } else if (!before.empty()) {
      const auto a = load<std::uint64_t>(key, 0);
      const auto b = load<std::uint64_t>(before, 0);
      order = a < b ? -1 : static_cast<int>(a > b);
    }
    if (order < 0 || (order == 0 && !may_equal)) return damage(page, "keys out of order");
    before = key;
    may_equal = false;
  }
  if (!bounds.high || nodes.empty() || before.empty()) return {};
  const bool below = kind == Kind::Free ? load<std::uint64_t>(before, 0) < load<std::uint64_t>(*bounds.high, 0)
                                        : before < *bounds.high;
  return below ? Status() : damage(page, "a key belongs to another page");
}

Status Walk::walk_page(std::uint64_t page, unsigned depth, const Tree& tree, Kind kind, Entry entry,
                       const Bounds& bounds) {
  TIDAL_TRY(take(page, 1));
  TIDAL_TRY_ASSIGN(const std::string bytes, read(page * page_bytes_, page_bytes_));
  if (load<std::uint64_t>(bytes, 0) != page) return damage(page, "carries another page's number");
  const bool is_leaf = depth == tree.depth;
  if (load<std::uint16_t>(bytes, 10) != (is_leaf ? kLeaf : kBranch)) return damage(page, "is of the wrong kind");
  TIDAL_TRY_ASSIGN(const std::vector<Node> nodes, nodes_of(page, bytes, is_leaf));
  if (nodes.size() < (is_leaf ? 1 : 2)) return damage(page, "has too few entries");
  TIDAL_TRY(check_keys(page, nodes, is_leaf, kind, bounds));
  if (is_leaf) {
    ++leaves_;
    entries_ += nodes.size();
    for (const Node& node : nodes) TIDAL_TRY((this->*entry)(node));
    return {};
  }
  ++branches_;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Bounds inner{.low = i == 0 ? bounds.low : nodes[i].key, .high = bounds.high};
    if (i + 1 < nodes.size()) inner.high = nodes[i + 1].key;
    TIDAL_TRY(walk_page(nodes[i].child, depth + 1, tree, kind, entry, inner));
  }
  return {};
}

Status Walk::walk_tree(const Tree& tree, Kind kind, Entry entry) {
  branches_ = leaves_ = overflows_ = entries_ = 0;
  if (tree.depth > kDepthMax) return damage(tree.root, "a tree deeper than LMDB's");
  if ((tree.root == kNoPage) != (tree.depth == 0)) return damage(tree.root, "depth and root disagree");
  if (tree.root != kNoPage) TIDAL_TRY(walk_page(tree.root, 1, tree, kind, entry, {}));
  const bool counted = branches_ == tree.branch_pages && leaves_ == tree.leaf_pages &&
                       overflows_ == tree.overflow_pages && entries_ == tree.entries;
  return counted ? Status() : damage(tree.root, "the tree's counts are not those of its pages");
}

/// Of a node that holds no tree, wherever its bytes are; valid until the next call.
Result<std::string_view> Walk::value_of(const Node& node) {
  if (node.flags == 0) return node.data;
  if (node.flags != kBigData) return damage(0, "unknown flags of key " + printable_key(node.key));
  const auto page = load<std::uint64_t>(node.data, 0);
  if (page > meta_.last_page) return damage(page, "lies beyond the last page");
  TIDAL_TRY_ASSIGN(const std::string head, read(page * page_bytes_, kPageHeaderBytes));
  const std::uint64_t count = load<std::uint32_t>(head, 12);
  if (load<std::uint64_t>(head, 0) != page || load<std::uint16_t>(head, 10) != kOverflow ||
      kPageHeaderBytes + std::uint64_t{node.value_bytes} > count * page_bytes_) {
    return damage(page, "does not hold the value of key " + printable_key(node.key));
  }
  TIDAL_TRY(take(page, count));
  overflows_ += count;
  TIDAL_TRY_ASSIGN(large_value_, read(page * page_bytes_ + kPageHeaderBytes, node.value_bytes));
  return std::string_view(large_value_);
}

/// A list of pages that are free since the transaction that is its key: their count, then their numbers, falling.
Status Walk::free_entry(const Node& node) {
  const auto transaction = load<std::uint64_t>(node.key, 0);
  TIDAL_TRY_ASSIGN(const std::string_view list, value_of(node));
  const std::uint64_t slots = list.size() / sizeof(std::uint64_t);
  const std::uint64_t count = slots == 0 ? 0 : load<std::uint64_t>(list, 0);
  if (slots == 0 || count >= slots || transaction > meta_.transaction)
    return damage(0, "impossible list of free pages");
  std::uint64_t above = kNoPage;
  for (std::uint64_t i = 1; i <= count; ++i) {
    const auto page = load<std::uint64_t>(list, i * sizeof(std::uint64_t));
    if (page >= above) return damage(page, "free pages out of order");
    TIDAL_TRY(take(page, 1));
    above = page;
  }
  return {};
}

Status Walk::main_entry(const Node& node) {
  if (node.flags != kTreeData || node.data.size() != kTreeBytes) return damage(0, "an entry that is no table of ours");
  const Tree tree = Tree::from(node.data);
  if (tree.flags != 0 || tree.pad != 0) return damage(0, "unknown flags of a table");
  if (node.key != "values" && node.key != "meta") return damage(0, "a table that is not ours");
  (node.key == "values" ? values_tree_ : meta_tree_) = tree;
  return {};
}

Status Walk::value_entry(const Node& node) {
  TIDAL_TRY_ASSIGN(const std::string_view sealed, value_of(node));
  TIDAL_TRY(unseal_value("lmdb", node.key, sealed));
  return {};
}

Status Walk::meta_entry(const Node& node) {
  TIDAL_TRY_ASSIGN(const std::string_view sealed, value_of(node));
  TIDAL_TRY_ASSIGN(const std::string_view value, unseal_value("lmdb", node.key, sealed));
  if (node.key == kLmdbFormatKey && value.size() == sizeof(std::uint32_t)) {
    const auto format = load<std::uint32_t>(value, 0);
    return format > kLmdbStoreFormat ? newer("", format, kLmdbStoreFormat) : Status();
  }
  if (node.key != "seqno" || value.size() != sizeof(std::uint64_t)) return damage(0, "an unknown entry of meta");
  summary_.seqno = SeqNo{load<std::uint64_t>(value, 0)};
  return {};
}

Result<LmdbFileSummary> Walk::run() {
  TIDAL_TRY(choose_meta());
  TIDAL_TRY(warm());
  TIDAL_TRY(walk_tree(meta_.main, Kind::Main, &Walk::main_entry));
  if (values_tree_) {
    TIDAL_TRY(walk_tree(*values_tree_, Kind::Ours, &Walk::value_entry));
    summary_.values = values_tree_->entries;
  }
  if (meta_tree_) TIDAL_TRY(walk_tree(*meta_tree_, Kind::Ours, &Walk::meta_entry));
  TIDAL_TRY(walk_tree(meta_.free, Kind::Free, &Walk::free_entry));
  summary_.pages = meta_.last_page + 1;
  summary_.page_bytes = page_bytes_;
  return summary_;
}

}  // namespace

bool starts_lmdb_file(std::string_view head) {
  return head.size() >= kPageHeaderBytes + 8 && load<std::uint64_t>(head, 0) == 0 &&
         load<std::uint32_t>(head, kPageHeaderBytes) == kMagic;
}

Result<LmdbFileSummary> check_lmdb_file(base::FileSystem& fs, const std::string& path) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
  return Walk(*file, path).run();
}

}  // namespace tidal::storage
