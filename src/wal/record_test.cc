// Records: what is encoded is decoded, and nothing else is.
#include "wal/record.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace tidal::wal {
namespace {

struct Owned {
  std::string subject, user, payload;
  std::vector<std::pair<std::uint8_t, std::string>> extensions;

  [[nodiscard]] Record record() const {
    Record r;
    r.type = RecordType::PutEntity;
    r.flags = kFlagTimeGiven;
    r.subject_kind = EntityKind::Creator;
    r.event_time = Timestamp{-5};
    r.subject_key = subject;
    r.user_key = user;
    r.payload = payload;
    for (const auto& [tag, bytes] : extensions) r.extensions.push_back({tag, bytes});
    return r;
  }
};

bool same(const Record& a, const Record& b) {
  bool equal = a.type == b.type && a.flags == b.flags && a.subject_kind == b.subject_kind &&
               a.event_time == b.event_time && a.subject_key == b.subject_key && a.user_key == b.user_key &&
               a.payload == b.payload && a.extensions.size() == b.extensions.size();
  for (std::size_t i = 0; equal && i < a.extensions.size(); ++i) {
    equal = a.extensions[i].tag == b.extensions[i].tag && a.extensions[i].bytes == b.extensions[i].bytes;
  }
  return equal;
}

RC_GTEST_PROP(Record, DecodesToWhatWasEncoded,
              (std::string subject, std::string user, std::string payload,
               std::vector<std::pair<std::uint8_t, std::string>> extensions, std::uint64_t seqno)) {
  const Owned owned{subject, user, payload, extensions};  // tags nobody knows are among them
  std::string bytes;
  encode_record(owned.record(), SeqNo{seqno}, bytes);
  bytes += "next";
  std::string_view in = bytes;
  SeqNo got;
  Record decoded;
  RC_ASSERT(decode_record(in, got, decoded).ok());
  RC_ASSERT(got.value == seqno);
  RC_ASSERT(same(decoded, owned.record()));
  RC_ASSERT(in == "next");
}

TEST(Record, EveryTruncationIsCorruption) {
  const Owned owned{"item", "user", "payload", {{9, "unknown"}}};
  std::string bytes;
  encode_record(owned.record(), SeqNo{1}, bytes);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    std::string_view in = std::string_view(bytes).substr(0, n);
    SeqNo seqno;
    Record record;
    const Status status = decode_record(in, seqno, record);
    ASSERT_FALSE(status.ok()) << n;
    EXPECT_EQ(status.error().code, Code::Corruption);
  }
}

TEST(Record, EveryByteMayBeAnythingWithoutHarm) {
  const Owned owned{"item", "user", "payload", {{1, "key"}}};
  std::string bytes;
  encode_record(owned.record(), SeqNo{1}, bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(value);
      std::string_view in = changed;
      SeqNo seqno;
      Record record;
      if (decode_record(in, seqno, record).ok()) {
        EXPECT_LT(static_cast<std::size_t>(record.subject_kind), kEntityKinds);
      }
    }
  }
}

TEST(PartitionOf, IsTheTop12BitsAndNoneForNoKey) {
  EXPECT_EQ(partition_of(EntityKind::Item, ""), kNoPartition);
  EXPECT_LT(partition_of(EntityKind::Item, "item"), 4096);
  // The values are in every log ever written.
  EXPECT_EQ(partition_of(EntityKind::Item, "item"), 2994);
  EXPECT_EQ(partition_of(EntityKind::User, "item"), 684);
}

}  // namespace
}  // namespace tidal::wal
