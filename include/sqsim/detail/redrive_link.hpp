// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/validate.hpp"
#include "sqsim/error.hpp"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// How a queue is tied to its dead-letter queue, and to those whose dead-letter queue it is. Each end belongs to the
/// lock of its queue; no two of these are held together.
template <class Core>
struct RedriveLink {
    Core* dead_letter_queue = nullptr;
    int max_receive_count = 0;
    std::vector<Core*> sources{};

    [[nodiscard]] Core* source_with_tag(std::uint64_t tag) const noexcept {
        const auto found =
            std::find_if(sources.begin(), sources.end(), [&](auto* source) { return source->tag_ == tag; });
        return found == sources.end() ? nullptr : *found;
    }

    /// Errors: throws for a count out of range (R165) and for queues on different clocks.
    static void set(Core& source, Core& dead_letter_queue, int max_receive_count) {
        raise_if(check_redrive_policy(dead_letter_queue.name(), max_receive_count, source.limits()));
        if (!is_same_clock(dead_letter_queue.clock(), source.clock())) {
            raise(Errc::invalid_parameter_value, "Dead-letter queue '" + std::string{dead_letter_queue.name()} +
                                                     "' must use the same clock object as the source '" +
                                                     std::string{source.name()} + "'.");
        }
        {
            const std::scoped_lock lock{dead_letter_queue.mutex_};
            dead_letter_queue.redrive_.sources.push_back(&source);  // first, for only this can fail
        }
        replace(source, &dead_letter_queue, max_receive_count);
    }

    static void clear(Core& source) noexcept { replace(source, nullptr, 0); }

    /// Precondition: the dead-letter queue, if there is one, has the source among its own.
    static void replace(Core& source, Core* dead_letter_queue, int max_receive_count) noexcept {
        const Commit commit{};
        Core* old = nullptr;
        {
            const std::scoped_lock lock{source.mutex_};
            old = std::exchange(source.redrive_.dead_letter_queue, dead_letter_queue);
            source.redrive_.max_receive_count = max_receive_count;
        }
        if (old != nullptr) {
            const std::scoped_lock lock{old->mutex_};
            auto& sources = old->redrive_.sources;  // may have it twice: the old one comes first
            if (const auto found = std::find(sources.begin(), sources.end(), &source); found != sources.end()) {
                sources.erase(found);
            }
        }
    }

    /// A dead-letter queue ends: its sources go on without one (R182).
    static void end(Core& dead_letter_queue) {
        const Commit commit{};
        for (Core* source : dead_letter_queue.redrive_.sources) {
            const std::scoped_lock lock{source->mutex_};
            source->redrive_.dead_letter_queue = nullptr;
        }
    }
};

}  // namespace sqsim::inline SQSIM_ABI::detail
