// Files of checkpoints and bases from arbitrary bytes: refused, or state that is written and read back unchanged.
//
// The first byte chooses what the rest is: a manifest (its checksum is made right), the dump of a store, or the image
// of the view of that number.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/memory_file_system.h"
#include "db/prepare.h"
#include "db/views.h"
#include "materializer/checkpoint.h"
#include "query/define.h"
#include "query/parser.h"
#include "storage/store_dump.h"

namespace {

using namespace tidal;  // NOLINT: a program of one file

constexpr std::string_view kSchema = R"(
  DEFINE FIELD item.title TEXT SEARCHABLE; DEFINE FIELD item.category KEYWORD INDEXED;
  DEFINE FIELD item.tags KEYWORD[] INDEXED; DEFINE FIELD item.year INT INDEXED;
  DEFINE FIELD user.country KEYWORD INDEXED; DEFINE FIELD creator.verified BOOL INDEXED;
  DEFINE SIGNAL view VALUE 0.. DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY SCOPE global, user
    EFFECTS mark seen;
  DEFINE SIGNAL like ROLE positive DECAY linear(14d) WINDOWS 24h, 7d EFFECTS mark liked, mark seen;)";

/// Views of a small database, which an image is restored into.
struct World {
  db::Stores stores;
  db::Views views{stores};

  World() {
    constexpr SeqNo kAhead{~std::uint64_t{0} >> 1};  // of any image
    base::Encoder marker;
    marker.u64(kAhead.value);
    storage::WriteBatch batch;
    batch.put(std::string(signal::kRollupMarker), marker.take());
    TIDAL_ASSERT(stores.entities().commit({}, kAhead).ok() && stores.rollups().commit(batch, kAhead).ok());
    const query::Script script = query::parse(kSchema).value();
    apply(db::schema_record(query::validate_definitions({}, script.statements)->change, {}));
    for (int i = 0; i < 12; ++i) put(EntityKind::Item, "i" + std::to_string(i));
    for (int i = 0; i < 6; ++i) put(EntityKind::User, "u" + std::to_string(i));
    for (int i = 0; i < 3; ++i) put(EntityKind::Creator, "c" + std::to_string(i));
  }

 private:
  void apply(const db::PreparedRecord& prepared) {
    wal::WalEvent event;
    event.seqno = views.registry().min_applied().next();
    event.record = prepared.record();
    views.registry().apply(event);
  }
  void put(EntityKind kind, const std::string& key) {
    db::Preparer preparer(views.schema(), views, {});
    WriteReply reply;
    apply(**preparer.prepare(PutOperation{.kind = kind, .key = key, .entity = {}}, reply));
  }
};

void check_manifest(std::string_view bytes) {
  base::Encoder whole;
  whole.raw(bytes);
  whole.u32(base::crc32c(bytes));
  const auto manifest = materializer::decode_manifest(whole.str());
  if (!manifest.ok()) return;
  const auto again = materializer::decode_manifest(materializer::encode_manifest(*manifest));
  TIDAL_ASSERT(again.ok() && again->entries.size() == manifest->entries.size() && again->seqno == manifest->seqno);
}

void check_dump(std::string_view bytes) {
  base::MemoryFileSystem fs;
  TIDAL_ASSERT(base::write_file_atomically(fs, "/dump", bytes).ok());
  const auto nothing = [](std::string_view, std::string_view) { return Status(); };
  const Result<storage::DumpSummary> summary = storage::read_dump(fs, "/dump", nothing);
  if (!summary.ok()) return;
  const auto store = storage::open_store(storage::Backend::Memory, fs, "").value();
  TIDAL_ASSERT(storage::load_dump(fs, "/dump", summary->seqno, *store).ok());
  base::FileWriter again = base::FileWriter::create(fs, "/again").value();
  TIDAL_ASSERT(storage::write_dump(*store, summary->seqno, again).ok() && again.finish().ok());
}

/// The image of the entities says which seqno it is of; the others do not.
SeqNo seqno_of(std::string_view image) {
  base::Decoder in(image);
  return SeqNo{in.u64()};
}

void check_image(std::size_t number, std::string_view bytes) {
  World world;
  materializer::Materializer& view = *world.views.registry().views()[number % world.views.registry().views().size()];
  const SeqNo seqno = view.name() == "entities" ? seqno_of(bytes) : SeqNo{1000};
  if (!view.restore(bytes, seqno).ok()) return;
  const std::string digest = materializer::digest_of(view).hex;
  std::string image;
  TIDAL_ASSERT(view.checkpoint()->write_to(image).ok());
  TIDAL_ASSERT(view.restore(image, seqno).ok());
  TIDAL_ASSERT(materializer::digest_of(view).hex == digest);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr std::uint8_t kManifest = 'M';
  constexpr std::uint8_t kDump = 'D';
  if (data[0] == kManifest) {
    check_manifest(bytes);
  } else if (data[0] == kDump) {
    check_dump(bytes);
  } else {
    check_image(data[0], bytes);
  }
  return 0;
}
