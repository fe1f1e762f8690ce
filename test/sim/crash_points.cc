// The table of crash points.
#include "test/sim/crash_points.h"

namespace tidal::sim {
namespace {

constexpr auto kFrame = {Activity::Frame, Activity::BatchFrame};

CrashStage running(Moment moment, std::vector<Activity> at) {
  return {.phase = Phase::Running, .at = std::move(at), .moment = moment};
}
CrashStage opening(Moment moment, std::vector<Activity> at = {}) {
  return {.phase = Phase::Opening, .at = std::move(at), .moment = moment};
}
CrashStage closing(Moment moment, std::vector<Activity> at) {
  return {.phase = Phase::Closing, .at = std::move(at), .moment = moment};
}

/// A frame was written in part, so that the next open finds a torn tail.
CrashStage torn_frame() { return running(Moment::Inside, kFrame); }

constexpr bool kAlsoBySignal = true;
constexpr bool kWithoutCaches = true;

std::vector<CrashPoint> compaction_points() {
  using enum Moment;
  return {
      {"view file of a base written in part", {running(Inside, {Activity::BaseFile})}, kAlsoBySignal},
      {"store of a base written in part", {running(Inside, {Activity::BaseDump})}, kAlsoBySignal},
      {"manifest of a base written in part", {running(Inside, {Activity::BaseManifest})}, kAlsoBySignal},
      {"base written, without its name", {running(Before, {Activity::BaseRename})}, kAlsoBySignal},
      {"base named, directory not synced", {running(After, {Activity::BaseRename})}, kAlsoBySignal},
      {"base synced, all segments still in the log", {running(After, {Activity::BaseDirectorySync})}, kAlsoBySignal},
      {"old base removed in part", {running(Inside, {Activity::UnnamedBaseRemoval})}, kAlsoBySignal},
      {"old base removed, not synced", {running(After, {Activity::BaseRemoval})}, kAlsoBySignal},
      {"archive written in part", {running(Inside, {Activity::ArchiveFile})}, kAlsoBySignal},
      {"archive written, without its name", {running(Before, {Activity::ArchiveRename})}, kAlsoBySignal},
      {"archive named, directory not synced", {running(After, {Activity::ArchiveRename})}, kAlsoBySignal},
      {"segment archived, still in the log", {running(Before, {Activity::ArchivedSegmentRemoval})}, kAlsoBySignal},
      {"archived segment removed from the log, not synced",
       {running(After, {Activity::ArchivedSegmentRemoval})},
       kAlsoBySignal},
      {"segment about to be removed for good", {running(Before, {Activity::SegmentRemoval})}, kAlsoBySignal},
      {"segment removed for good, not synced", {running(After, {Activity::SegmentRemoval})}, kAlsoBySignal},
      {"base named, then twice in recovery without any cache",
       {running(After, {Activity::BaseDirectorySync}), opening(Inside), opening(Inside)},
       kAlsoBySignal,
       kWithoutCaches},
      {"segment removed for good, then twice in recovery without any cache",
       {running(After, {Activity::SegmentRemoval}), opening(Inside), opening(Inside)},
       kAlsoBySignal,
       kWithoutCaches},
  };
}

std::vector<CrashPoint> erasure_points() {
  using enum Moment;
  return {
      {"segment made anonymous in part", {running(Inside, {Activity::RewrittenFrame})}},
      {"segment made anonymous, not in its place", {running(Before, {Activity::RewrittenRename})}},
      {"segment made anonymous, directory not synced", {running(After, {Activity::RewrittenRename})}},
      {"segment made anonymous, then twice in recovery without any cache",
       {running(After, {Activity::RewrittenRename}), opening(Inside), opening(Inside)},
       !kAlsoBySignal,
       kWithoutCaches},
  };
}

std::vector<CrashPoint> backup_points() {
  using enum Moment;
  return {
      {"inside of a write to a backup", {running(Inside, {Activity::Backup})}},
      {"between two operations of a backup", {running(After, {Activity::Backup})}},
  };
}

std::vector<CrashPoint> error_points() {
  using enum Moment;
  return {
      {"after a base found the disk full", {running(NoSpaceFirst, {Activity::BaseDump})}},
      {"after an archive found the disk full", {running(NoSpaceFirst, {Activity::ArchiveFile})}},
      {"after the removal of a segment failed", {running(FailsFirst, {Activity::ArchivedSegmentRemoval})}},
      {"after a write of the log failed", {running(FailsFirst, kFrame)}},
      {"after a sync of the log failed", {running(FailsFirst, {Activity::FrameSync})}},
      {"after a frame found the disk full", {running(NoSpaceFirst, kFrame)}},
      {"after the next segment found the disk full", {running(NoSpaceFirst, {Activity::SegmentFill})}},
      {"after a checkpoint found the disk full", {running(NoSpaceFirst, {Activity::ViewFile})}},
  };
}

}  // namespace

const std::vector<CrashPoint>& crash_points() {
  using enum Moment;
  static const auto* const table = [] {
    auto* const all = new std::vector<CrashPoint>{
        {"first segment written, without its name", {opening(Before, {Activity::SegmentRename})}, kAlsoBySignal},
        {"frame about to be written", {running(Before, kFrame)}, kAlsoBySignal},
        {"part of a frame written", {torn_frame()}, kAlsoBySignal},
        {"part of a batch's frame written", {running(Inside, {Activity::BatchFrame})}, kAlsoBySignal},
        {"frame written, not synced", {running(After, kFrame)}, kAlsoBySignal},
        {"frame being synced", {running(Inside, {Activity::FrameSync})}},
        {"frame synced, not acknowledged", {running(After, {Activity::FrameSync})}, kAlsoBySignal},
        {"part of a footer written", {running(Inside, {Activity::Footer})}, kAlsoBySignal},
        {"footer written, not synced", {running(After, {Activity::Footer})}, kAlsoBySignal},
        {"segment sealed, no next one", {running(After, {Activity::FooterSync})}, kAlsoBySignal},
        {"next segment filled in part", {running(Inside, {Activity::SegmentFill})}, kAlsoBySignal},
        {"next segment written, without its name", {running(Before, {Activity::SegmentRename})}, kAlsoBySignal},
        {"next segment named, directory not synced", {running(After, {Activity::SegmentRename})}, kAlsoBySignal},
        {"store file written in part", {running(Inside, {Activity::StoreFile})}},
        {"store file renamed, directory not synced", {running(After, {Activity::StoreRename})}},
        {"store flushed, no view file yet", {running(After, {Activity::StoreDirectorySync})}},
        {"view file written in part", {running(Inside, {Activity::ViewFile})}, kAlsoBySignal},
        {"manifest written in part", {running(Inside, {Activity::Manifest})}, kAlsoBySignal},
        {"checkpoint written, without its name", {running(Before, {Activity::CheckpointRename})}, kAlsoBySignal},
        {"checkpoint named, directory not synced", {running(After, {Activity::CheckpointRename})}, kAlsoBySignal},
        {"old checkpoint removed in part", {running(Inside, {Activity::UnfinishedRemoval})}, kAlsoBySignal},
        {"old checkpoint removed, not synced", {running(After, {Activity::CheckpointRemoval})}, kAlsoBySignal},
        {"part of the close mark written", {closing(Inside, {Activity::CloseMark})}, kAlsoBySignal},
        {"close mark written, not synced", {closing(After, {Activity::CloseMark})}, kAlsoBySignal},
        {"checkpoint of a close written in part", {closing(Inside, {Activity::ViewFile})}, kAlsoBySignal},
        {"torn tail zeroed in part, in recovery",
         {torn_frame(), opening(Inside, {Activity::LogZeroing})},
         kAlsoBySignal},
        {"torn tail zeroed, not synced, in recovery",
         {torn_frame(), opening(Before, {Activity::LogZeroingSync})},
         kAlsoBySignal},
        {"anywhere in recovery, after a torn frame", {torn_frame(), opening(Inside)}, kAlsoBySignal},
        {"anywhere in recovery, twice", {running(After, kFrame), opening(Inside), opening(Inside)}, kAlsoBySignal},
        {"unfinished checkpoint removed in part, in recovery",
         {running(Before, {Activity::CheckpointRename}), opening(Inside, {Activity::UnfinishedRemoval})},
         kAlsoBySignal},
    };
    for (const std::vector<CrashPoint>& rows :
         {compaction_points(), erasure_points(), backup_points(), error_points()}) {
      all->insert(all->end(), rows.begin(), rows.end());
    }
    return all;
  }();
  return *table;
}

}  // namespace tidal::sim
