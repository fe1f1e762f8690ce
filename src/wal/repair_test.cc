// Repair: any damage at any place costs what the plan says and nothing else.
#include "wal/repair.h"

#include "base/case_stride_for_test.h"
#include "base/crc32c.h"
#include "wal/record_layout.h"
#include "wal/repair_fixture.h"
#include "wal/repair_segment.h"

namespace tidal::wal {
namespace {

using base::Random;

std::string name_of(const Image& image, std::size_t n) { return std::next(image.begin(), static_cast<long>(n))->first; }

/// Something else in every byte of [begin, end).
void spoil(std::string& content, std::uint64_t begin, std::uint64_t end, Random& random) {
  for (std::uint64_t at = begin; at < std::min<std::uint64_t>(end, content.size()); ++at) {
    content[at] = static_cast<char>(content[at] ^ (1 + random.below(255)));
  }
}

enum class Way { Flip, Body, Frames, Zeros, Tail, Footer, Header, Gone, GoneFirst, Shorter, Longer, OtherName };
constexpr std::uint64_t kWays = 12;

/// Damages the image in one way at a random place.
void damage(Way way, const WholeLog& whole, Image& image, Random& random) {
  const FrameExtent& frame = whole.frames[random.below(whole.frames.size())];
  const std::string name = name_of(image, random.below(image.size()));
  const bool is_there = image.contains(frame.segment) && image[frame.segment].size() >= frame.end;
  const bool is_newest = frame.segment == whole.frames.back().segment;  // zeros at its end leave no trace
  switch (way) {
    case Way::Flip:
      if (is_there) {
        image[frame.segment][frame.begin + random.below(frame.end - frame.begin)] ^=
            static_cast<char>(1 << random.below(8));
      }
      break;
    case Way::Body:
      if (is_there) spoil(image[frame.segment], frame.begin + kFrameHeaderBytes, frame.end, random);
      break;
    case Way::Frames:  // a stretch that may begin and end within frames
      if (is_there)
        spoil(image[frame.segment], frame.begin + random.below(200), frame.end + random.below(3000), random);
      break;
    case Way::Zeros:
      if (is_there && !is_newest)
        image[frame.segment].replace(frame.begin, frame.end - frame.begin, frame.end - frame.begin, '\0');
      break;
    case Way::Tail: {
      if (!is_there || is_newest) break;
      std::string& content = image[frame.segment];
      content.replace(frame.begin, content.size() - frame.begin, content.size() - frame.begin, '\0');
      break;
    }
    case Way::Footer:
      if (image[name].size() > kPageBytes) {
        spoil(image[name], image[name].size() - kPageBytes, image[name].size() - kPageBytes + 64, random);
      }
      break;
    case Way::Header: spoil(image[name], random.below(60), 60 + random.below(4000), random); break;
    case Way::Gone:
      if (image.size() > 2) image.erase(name_of(image, 1 + random.below(image.size() - 2)));
      break;
    case Way::GoneFirst:
      if (image.size() > 1) image.erase(image.begin());
      break;
    case Way::Shorter: image[name].resize(random.below(image[name].size())); break;
    case Way::Longer: image[name].append(1 + random.below(9000), 'x'); break;
    case Way::OtherName: {
      const std::string other = segment_file_name(SeqNo{1'000'000 + random.below(1000)});
      image[other] = image[name];
      if (random.coin() && image.size() > 2) image.erase(name);
      break;
    }
  }
}

/// A misnamed segment that lost its header, or one renamed beside its own damaged self, is more than names can tell.
bool combines(const std::vector<Way>& ways) {
  return std::ranges::find(ways, Way::OtherName) == ways.end() || ways.size() == 1;
}

TEST(Repair, CostsWhatThePlanSays) {  // R1, R2, R4
  std::uint64_t lost = 0;
  std::uint64_t whole_again = 0;
  for (std::uint64_t seed = 0; seed < 600 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const WholeLog whole = whole_log(seed % 40);
    ASSERT_GE(whole.image.size(), 3U);
    Image image = whole.image;
    std::vector<Way> ways{static_cast<Way>(seed % kWays)};
    if (random.below(3) == 0) ways.push_back(static_cast<Way>(random.below(kWays)));
    if (!combines(ways)) ways.resize(1);
    for (const Way way : ways) damage(way, whole, image, random);
    if (image == whole.image) continue;
    const auto fs = files_of(image);
    const RepairPlan plan = repaired(whole, *fs);
    lost += plan.lost_records();
    if (!plan.empty() && plan.lost_records() == 0 && !plan.is_open_ended()) ++whole_again;
  }
  EXPECT_GT(lost, 1000U);
  EXPECT_GT(whole_again, 100U);
}

/// `names[i]` gets what `names[i + 1]` holds, the last one what the first one does.
Image with_names_moved(const Image& image, const std::vector<std::string>& names) {
  Image moved = image;
  for (std::size_t i = 0; i < names.size(); ++i) moved[names[i]] = image.at(names[(i + 1) % names.size()]);
  return moved;
}

TEST(Repair, GivesSegmentsThatChangedNamesTheirOwnBack) {  // R3
  const WholeLog whole = whole_log(7);
  const std::size_t n = whole.image.size();
  ASSERT_GE(n, 4U);
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b < n; ++b) {
      for (std::size_t c = a; c < n; ++c) {  // a swap where c is a, else a round of three
        if (a == b || b == c) continue;
        SCOPED_TRACE(std::to_string(a) + " " + std::to_string(b) + " " + std::to_string(c));
        std::vector<std::string> names = {name_of(whole.image, a), name_of(whole.image, b)};
        if (c != a) names.push_back(name_of(whole.image, c));
        const auto fs = files_of(with_names_moved(whole.image, names));
        EXPECT_EQ(repaired(whole, *fs).lost_records(), 0U);
      }
    }
  }
}

TEST(Repair, OfASegmentThatStandsInThePlaceOfOthersEndsInOneRun) {  // R4
  const WholeLog whole = whole_log(7);
  const std::size_t n = whole.image.size();
  for (std::size_t from = 0; from < n; ++from) {
    for (std::size_t to = 0; to < n; ++to) {
      if (from == to) continue;
      SCOPED_TRACE(std::to_string(from) + " over " + std::to_string(to));
      Image image = whole.image;
      image[name_of(image, to)] = whole.image.at(name_of(image, from));
      EXPECT_GT(repaired(whole, *files_of(image)).damages.size(), 0U);
      // Of the newest one nothing tells how far it went, also when something tells that it went so far.
      const SeqNo through = whole.frames.back().seqnos.first;
      const RepairPlan plan = *plan_repair(*files_of(image), kDir, {.synced_through = SeqNo{through.value - 1}});
      EXPECT_EQ(plan.is_open_ended(), to + 1 == n) << text_of(plan);
      image.erase(name_of(image, from));  // everything from there on has moved
      EXPECT_GT(repaired(whole, *files_of(image)).damages.size(), 0U);
    }
  }
}

TEST(Repair, LosesOnlyTheFrameThatWasHit) {
  const WholeLog whole = whole_log(7);
  Random random(7);
  std::uint64_t hits = 0;
  for (const auto& [name, content] : whole.image) {
    for (std::uint64_t at = random.below(11); at < content.size(); at += (1 + random.below(23)) * base::kCaseStride) {
      Image image = whole.image;
      image[name][at] ^= static_cast<char>(1 << random.below(8));
      const auto frame = std::ranges::find_if(whole.frames, [&, &segment = name](const FrameExtent& each) {
        return each.segment == segment && each.begin <= at && at < each.end;
      });
      const auto fs = files_of(image);
      SCOPED_TRACE(name + " byte " + std::to_string(at));
      const RepairPlan plan = repaired(whole, *fs);
      std::set<std::uint64_t> expected;
      const bool is_last_mark = frame == whole.frames.end() - 1;  // it looks like an unfinished write
      for (std::uint64_t i = 0; frame != whole.frames.end() && i < frame->seqnos.count(); ++i) {
        expected.insert(frame->seqnos.first.value + i);
      }
      ASSERT_EQ(lost_of(plan), expected) << text_of(plan);
      ASSERT_EQ(replayed(*fs).records.size() + expected.size(), whole.records.size());
      ASSERT_TRUE(frame == whole.frames.end() || is_last_mark || plan.damages.size() == 1U) << text_of(plan);
      if (!expected.empty()) ++hits;
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(hits, 1000U / base::kCaseStride);
}

TEST(Repair, FindsNothingInAWholeLog) {
  const WholeLog whole = whole_log(3);
  const auto fs = files_of(whole.image);
  const Result<RepairPlan> plan = plan_repair(*fs, kDir);
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(plan->empty() && plan->notes.empty() && plan->rewrites.empty()) << text_of(*plan);
  EXPECT_TRUE(plan_repair(*fs, "/db/nothing")->empty());
}

TEST(Repair, LeavesATornTailToTheOpen) {
  WholeLog whole = whole_log(5);
  std::string& newest = whole.image.rbegin()->second;
  newest[whole.frames.back().begin + 20] ^= 1;
  const auto fs = files_of(whole.image);
  const Result<RepairPlan> plan = plan_repair(*fs, kDir);
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(plan->empty());
  ASSERT_EQ(plan->notes.size(), 1U);
  EXPECT_NE(plan->notes[0].find("offset " + std::to_string(whole.frames.back().begin) + ": an unfinished write"),
            std::string::npos)
      << plan->notes[0];
}

TEST(Repair, TakesAnUnfinishedWriteForDamageWhenTheLogWasSyncedFurther) {
  WholeLog whole = whole_log(5);
  const FrameExtent& last = whole.frames[whole.frames.size() - 2];
  const FrameExtent& mark = whole.frames.back();
  ASSERT_EQ(last.segment, mark.segment);
  std::string& newest = whole.image[last.segment];
  newest.replace(last.begin, mark.end - last.begin, mark.end - last.begin, '\0');
  const auto fs = files_of(whole.image);
  EXPECT_TRUE(plan_repair(*fs, kDir)->empty());
  const SeqNo through{last.seqnos.last.value + 2};
  const Result<RepairPlan> plan = plan_repair(*fs, kDir, {.synced_through = through});
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->damages.size(), 1U);
  EXPECT_EQ(plan->damages[0].lost.first, last.seqnos.first);
  EXPECT_EQ(plan->damages[0].lost.last, through);
  ASSERT_TRUE(apply_repair(*fs, *plan, kAside).ok());
  EXPECT_EQ((*open_log(*fs))->last_seqno(), through);
  EXPECT_TRUE(plan_repair(*fs, kDir, {.synced_through = through})->empty());
}

TEST(Repair, FillsALogWhoseFilesAreAllGone) {
  base::MemoryFileSystem fs;
  const Result<RepairPlan> plan = plan_repair(fs, kDir, {.synced_through = SeqNo{250'000}});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->lost_records(), 250'000U);
  ASSERT_TRUE(apply_repair(fs, *plan, kAside).ok());
  EXPECT_EQ(replayed(fs).lost.size(), 250'000U);
  EXPECT_TRUE(verify_log(fs, kDir)->defects.empty());
}

TEST(Repair, SaysWhatWasExpectedAndFoundAndWhen) {
  const WholeLog whole = whole_log(9);
  const auto frame = std::ranges::find_if(whole.frames, [](const FrameExtent& f) { return f.seqnos.count() > 1; });
  ASSERT_NE(frame, whole.frames.begin());
  Image image = whole.image;
  image[frame->segment][frame->begin + 3] ^= 1;  // its header tells nothing
  const std::string seqnos = "seqnos " + std::to_string(frame->seqnos.first.value) + " to " +
                             std::to_string(frame->seqnos.last.value) + " are lost, appended ";
  const std::string place = frame->segment + " offset " + std::to_string(frame->begin) +
                            ": expected a frame with seqno " + std::to_string(frame->seqnos.first.value) + ", found ";
  const std::string between = to_text(plan_repair(*files_of(image), kDir)->damages.at(0));
  EXPECT_EQ(between.find(place + "frame magic is not there; " + seqnos + "between 2026-11-22T12:00:"), 0U) << between;
  image = whole.image;
  image[frame->segment][frame->begin + kFrameHeaderBytes] ^= 1;  // its header tells when
  const std::string exactly = to_text(plan_repair(*files_of(image), kDir)->damages.at(0));
  EXPECT_EQ(exactly.find(place + "frame body checksum mismatch; " + seqnos + "at 2026-11-22T12:00:"), 0U) << exactly;
}

TEST(Repair, WarnsWhenNothingTellsHowMuchAFileHeld) {
  const WholeLog whole = whole_log(5);
  Image image = whole.image;
  const FrameExtent& last = whole.frames[whole.frames.size() - 2];
  image[last.segment].resize(last.end);  // just where the frame ends
  const auto fs = files_of(image);
  const RepairPlan plan = repaired(whole, *fs);
  EXPECT_TRUE(plan.is_open_ended());
  EXPECT_EQ(plan.lost_records(), 0U);
  EXPECT_NE(text_of(plan).find("may have held more records"), std::string::npos);
  image = whole.image;
  image[last.segment].resize(whole.frames.back().end + 64);  // behind zeros: nothing can have followed
  EXPECT_FALSE(plan_repair(*files_of(image), kDir)->is_open_ended());
}

TEST(Repair, SuspectsAFileWithoutHeaderThatEndsInFrames) {
  int cut = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const WholeLog whole = whole_log(seed);
    for (const FrameExtent& frame : whole.frames) {
      const std::uint64_t page = (frame.begin + kFrameHeaderBytes + kPageBytes) / kPageBytes * kPageBytes;
      if (frame.segment != whole.frames.back().segment || page >= frame.end) continue;
      Image image = whole.image;
      image[frame.segment].resize(page);  // a size that a segment may have
      image[frame.segment][9] ^= 1;
      EXPECT_TRUE(plan_repair(*files_of(image), kDir)->is_open_ended()) << "seed " << seed;
      ++cut;
    }
  }
  EXPECT_GT(cut, 2);
}

TEST(Repair, BelievesTheFooterOfTheNewestSegment) {
  const WholeLog whole = whole_log(5);
  Image image = whole.image;
  image.erase(std::prev(image.end()));
  const std::string newest = std::prev(image.end())->first;
  const auto last = std::find_if(whole.frames.rbegin(), whole.frames.rend(), [&](const FrameExtent& frame) {
    return frame.segment == newest && !frame.seqnos.empty();
  });
  ASSERT_NE(last, whole.frames.rend());
  image[newest].replace(last->begin, last->end - last->begin, last->end - last->begin, '\0');
  const Result<RepairPlan> plan = plan_repair(*files_of(image), kDir);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->lost_records(), last->seqnos.count());
}

/// The image with a field of a segment's header changed and its checksum made right.
Image with_header_field(Image image, const std::string& name, std::size_t at, std::uint32_t value) {
  std::string& content = image[name];
  store(content.data() + at, value);
  store(content.data() + 60, base::crc32c(std::string_view(content).substr(0, 60)));
  return image;
}

TEST(Repair, RefusesANewerFormat) {
  const WholeLog whole = whole_log(2);
  constexpr std::size_t kFormatAt = 8;
  constexpr std::size_t kReaderAt = 12;
  for (const std::size_t at : {kFormatAt, kReaderAt}) {
    Image image = with_header_field(whole.image, name_of(whole.image, 1), at, 2);
    image.begin()->second[kFramesBegin] ^= 1;  // damage elsewhere changes nothing
    EXPECT_EQ(plan_repair(*files_of(image), kDir).error().code, Code::FailedPrecondition);
  }
  Image image = whole.image;
  const FrameExtent& frame = whole.frames[3];
  char* const header = image[frame.segment].data() + frame.begin;
  store(header + 4, std::uint16_t{2});
  store(header + 60, base::crc32c({header, 60}));
  EXPECT_EQ(plan_repair(*files_of(image), kDir).error().code, Code::FailedPrecondition);
}

TEST(Repair, DoesNotBelieveSeqnosThatTheBytesCouldNotHold) {  // J1
  const WholeLog whole = whole_log(2);
  for (const std::uint64_t seqno : {std::uint64_t{1'000'000}, ~std::uint64_t{0}}) {
    Image image = whole.image;
    const FrameExtent& frame = whole.frames[whole.frames.size() - 2];
    char* const header = image[frame.segment].data() + frame.begin;
    store(header + 8, seqno);
    store(header + 60, base::crc32c({header, 60}));
    const auto fs = files_of(image);
    EXPECT_EQ(repaired(whole, *fs).lost_records(), frame.seqnos.count());
  }
  // Behind a bad frame any seqno could be next: a mark that names one far ahead.
  Image ahead = whole.image;
  const FrameExtent& mark = whole.frames.back();
  const FrameExtent& bad = whole.frames[whole.frames.size() - 2];
  ASSERT_TRUE(mark.segment == bad.segment && mark.seqnos.empty());
  ahead[mark.segment][bad.begin] ^= 1;
  char* const header = ahead[mark.segment].data() + mark.begin;
  store(header + 8, std::uint64_t{1'000'000});
  store(header + 60, base::crc32c({header, 60}));
  EXPECT_LE(plan_repair(*files_of(ahead), kDir)->lost_records(), bad.seqnos.count());
  Image image;
  image[segment_file_name(SeqNo{1ULL << 60})] = whole.image.begin()->second;
  image.begin()->second[0] ^= 1;
  EXPECT_EQ(plan_repair(*files_of(image), kDir).error().code, Code::ResourceExhausted);
}

TEST(Repair, FillsWithRecordsOfTheSmallestSize) {
  std::string bytes;
  Record empty;
  empty.type = RecordType::Empty;
  encode_record(empty, SeqNo{1}, bytes);
  EXPECT_EQ(bytes.size(), kEmptyRecordBytes);
}

}  // namespace
}  // namespace tidal::wal
