// The instruction sets that this machine can run and the build has code for, one after the other.
#pragma once

#include <hwy/targets.h>

#include <cstdint>
#include <functional>
#include <string>

namespace tidal::test {

/// Calls `run` with every choice of instructions in force in turn, and with the name of the set. Not beside other
/// threads that compute.
inline void on_every_vector_target(const std::function<void(const std::string&)>& run) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().DeInit();  // the next call chooses anew
    run(hwy::TargetName(target));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
}

}  // namespace tidal::test
