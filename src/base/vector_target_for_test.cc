// Telling Highway which instructions it may choose.
#include "base/vector_target_for_test.h"

#include <hwy/targets.h>

#include <cstdint>

namespace tidal::base {

void on_every_vector_target(const std::function<void(const std::string&)>& run) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().DeInit();  // the next call chooses anew
    run(hwy::TargetName(target));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
}

}  // namespace tidal::base
