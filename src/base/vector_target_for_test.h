// The instruction sets that this machine can run and the build has code for, one after the other.
#pragma once

#include <functional>
#include <string>

namespace tidal::base {

/// Calls `run` with every choice of instructions in force in turn, and with the name of the set. Not beside other
/// threads that compute.
void on_every_vector_target(const std::function<void(const std::string&)>& run);

}  // namespace tidal::base
