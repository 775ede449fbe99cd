// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/detail/size_totals.hpp"
#include "sqsim/detail/validate.hpp"
#include "sqsim/error.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

// What a send does before it takes the lock, for both kinds of queue.

namespace sqsim::inline SQSIM_ABI::detail {

/// What a send takes as its body.
template <class Body>
using BodyArgument = std::conditional_t<is_text<Body>, std::string_view, Body&&>;

/// Whether a send has a form that copies its body: one of text always does.
template <class Body>
inline constexpr bool is_copied = !is_text<Body> && std::is_copy_constructible_v<Body>;

/// The object of a clock that needs none. Not constrained: clang 14 instantiates it for every clock when a queue is
/// instantiated explicitly.
template <class C>
inline C static_clock{};

/// A message that is ready to be stored, or why it cannot be.
struct Draft {
    MaybeError error{};
    std::unique_ptr<Extras> extras{};
    Extras* unfilled = nullptr;      // the same, also when they are those of a record: `take` puts something into them
    std::size_t size = 0;            // as the service counts it (R37)
    std::string deduplication_id{};  // FIFO: the one sent or that of the content
};

/// Memory for what few messages have, with nothing in it; null for most messages.
template <class Options>
[[nodiscard]] std::unique_ptr<Extras> make_empty_extras(const Options& options) {
    return options.message_attributes.empty() && options.aws_trace_header.empty() ? nullptr
                                                                                  : std::make_unique<Extras>();
}

/// The same, with copies in it.
template <class Options>
[[nodiscard]] std::unique_ptr<Extras> make_extras(const Options& options) {
    auto extras = make_empty_extras(options);
    if (extras != nullptr) {
        extras->attributes = options.message_attributes;
        extras->aws_trace_header = options.aws_trace_header;
    }
    return extras;
}

/// At the end of a batch: takes the options of an entry that was stored. Until then they are the caller's.
template <class Options>
void take_options(const Draft& draft, Options& options) noexcept {
    if (draft.unfilled != nullptr && draft.extras == nullptr) {
        draft.unfilled->attributes = std::move(options.message_attributes);
        draft.unfilled->aws_trace_header = std::move(options.aws_trace_header);
    }
}

/// The bytes of a body and its attributes.
template <class Body, class From>
[[nodiscard]] std::size_t message_size(const From& body, const MessageAttributes& attributes) noexcept {
    return body_size<Body>(body) + attributes_size(attributes);
}

/// The ids of a send to a FIFO queue (R49-R51); in a batch a missing one fails the whole request (R79).
[[nodiscard]] inline MaybeError check_fifo_ids(std::string_view group_id, std::string_view deduplication_id,
                                               bool content_based) {
    if (MaybeError error = check_identifier(group_id, "MessageGroupId")) {
        return error;
    }
    if (deduplication_id.empty() && content_based) {
        return {};
    }
    return check_identifier(deduplication_id, "MessageDeduplicationId");
}

[[nodiscard]] inline MaybeError missing_fifo_ids(std::string_view group_id, std::string_view deduplication_id,
                                                 bool content_based, bool in_batch) {
    if (group_id.empty()) {
        return Error{in_batch ? Errc::invalid_parameter_value : Errc::missing_parameter,
                     "The request must contain the parameter MessageGroupId."};
    }
    if (deduplication_id.empty() && !content_based) {
        return invalid(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
            "explicitly");
    }
    return {};
}

/// What is wrong with a text: one that no queue can store is not even read.
template <class Core>
[[nodiscard]] MaybeError check_body(std::string_view body, const Core& core, bool in_batch) {
    return body.size() > largest_body ? check_size(body.size(), core.maximum_message_size(), in_batch)
                                      : check_text(body, core.limits(), in_batch);
}

/// Checks everything about one message that does not depend on the queue's content. The extras of an entry of a batch
/// are still to be taken.
template <class Body, class From, class Options, class Core>
[[nodiscard]] Draft draft(const From& body, const Options& options, const Core& core, bool in_batch) {
    Draft draft;
    const auto also = [&](auto check) {
        if (!draft.error) {
            if (MaybeError error = check()) [[unlikely]] {
                draft.error = std::move(error);
            }
        }
    };
    const Limits& limits = core.limits();
    if constexpr (is_text<Body>) {
        draft.error = check_body(body, core, in_batch);
    }
    draft.size = message_size<Body>(body, options.message_attributes);
    also([&] { return check_size(draft.size, core.maximum_message_size(), in_batch); });
    also([&] { return check_delay(options.delay, limits, Core::is_fifo); });
    also([&] { return check_message_attributes(options.message_attributes, limits); });
    if constexpr (requires { options.message_group_id; }) {
        also([&]() -> MaybeError {
            return options.message_group_id.empty() ? MaybeError{}
                                                    : check_identifier(options.message_group_id, "MessageGroupId");
        });
    }
    if (!draft.error) {
        draft.extras = in_batch ? make_empty_extras(options) : make_extras(options);
        draft.unfilled = in_batch ? draft.extras.get() : nullptr;
    }
    return draft;
}

/// Checks the batch as a whole, which throws, and then each entry (R71, R72, R75-R78).
template <class Body, class Entry, class Core>
[[nodiscard]] std::vector<Draft> draft_batch(std::span<const Entry> entries, const Core& core) {
    raise_if(check_batch(entries.size(), "SendMessageBatchRequestEntry", core.limits()));
    std::size_t size = 0;
    for (const Entry& entry : entries) {
        size += message_size<Body>(entry.body, entry.options.message_attributes);
    }
    raise_if(check_batch_size(size, core.limits()));
    std::vector<Draft> drafts;
    drafts.reserve(entries.size());
    for (const Entry& entry : entries) {
        drafts.push_back(draft<Body>(entry.body, entry.options, core, true));
    }
    return drafts;
}

/// Checks bodies that share their options; throws at the first that is bad. Returns: their sizes together.
template <class Options, class Core>
[[nodiscard]] SizeTotals check_bodies(std::span<const std::string_view> bodies, const Options& options,
                                      const Core& core) {
    const Limits& limits = core.limits();
    raise_if(check_delay(options.delay, limits, Core::is_fifo));
    raise_if(check_message_attributes(options.message_attributes, limits));
    if (!options.message_group_id.empty()) {
        raise_if(check_identifier(options.message_group_id, "MessageGroupId"));
    }
    const std::size_t attributes = attributes_size(options.message_attributes);
    SizeTotals sizes;
    for (const std::string_view body : bodies) {
        raise_if(check_body(body, core, false));
        raise_if(check_size(body.size() + attributes, core.maximum_message_size(), false));
        sizes.add(body.size() + attributes);
    }
    return sizes;
}

/// Whether nothing is wrong with a body, whatever its queue holds. What is wrong with one, `draft` says.
template <class Body, class From, class Core>
[[nodiscard]] bool is_good_body(const From& body, const Core& core) noexcept {
    if constexpr (is_text<Body>) {
        const std::string_view text{body};
        return text.size() - 1 < core.maximum_message_size() &&
               (!core.limits().check_characters || has_only_allowed_characters(text));
    } else {
        return true;
    }
}

template <class Core>
[[nodiscard]] Error queue_is_full(const Core& core) {
    return Error{Errc::queue_full, "Queue '" + std::string{core.name()} + "' holds " +
                                       std::to_string(core.fixed_options().capacity) +
                                       " messages, which is its capacity."};
}

}  // namespace sqsim::inline SQSIM_ABI::detail
