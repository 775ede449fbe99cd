// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/fault_plan.hpp"
#include "sqsim/sim/model/world.hpp"
#include "sqsim/sim/options.hpp"
#include "sqsim/sim/oracle.hpp"
#include "sqsim/sim/report.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

// An option that makes no sense (`sim/search/check_options.hpp`) throws `std::invalid_argument`; nothing is run then.

/// Replays one plan, by its token.
/// Returns: the violation with its timeline, or that nothing is violated any more. A token whose fault never comes
/// about is an error (`Verdict::stale_token`), as is one that is malformed.
Report replay(std::string_view token, const ReplayOptions& options, const std::function<void(World&)>& scenario);
Report replay(std::string_view token, const std::function<void(World&)>& scenario);

/// Runs the scenario under every plan within the budgets, each once, those with fewer faults first. The first violation
/// is therefore minimal.
///
/// The guarantee is relative to the scenario as it is, to the kinds of faults that are offered, and to code that is
/// deterministic, which is checked on one plan in a hundred and on every plan that fails.
///
/// With the environment variable `SQSIM_REPLAY` set to a token, or to "name=token" for the exploration of that name, it
/// replays that plan instead.
Report explore(const ExploreOptions& options, const std::function<void(World&)>& scenario);
Report explore(const std::function<void(World&)>& scenario);

/// Runs the scenario under random plans, for scenarios that are too big to exhaust. A violating plan is made smaller,
/// and as far as `maximum_certification` allows it is proved that no smaller one violates anything.
Report sample(const SampleOptions& options, const std::function<void(World&)>& scenario);

/// Runs the scenario once, with its choices taken from bytes: the entry for fuzzers and property-based tests. A zero,
/// and what is beyond the end, is fault-free.
Report run_bytes(std::span<const std::uint8_t> bytes, const std::function<void(World&)>& scenario,
                 const SampleOptions& options = {});
Report run_bytes(const std::uint8_t* data, std::size_t size, const std::function<void(World&)>& scenario);

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim

#if !SQSIM_COMPILED_EXPLORE
#    include "sqsim/sim/explore_impl.hpp"  // IWYU pragma: export
#endif
