// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/wait.hpp"
#include "sqsim/detail/byte_range.hpp"
#include "sqsim/detail/core_access.hpp"
#include "sqsim/detail/fifo_engine.hpp"
#include "sqsim/detail/fifo_keys.hpp"
#include "sqsim/detail/lazy_core.hpp"
#include "sqsim/detail/sending.hpp"
#include "sqsim/detail/sha256.hpp"
#include "sqsim/detail/shared_verbs.hpp"
#include "sqsim/detail/text.hpp"
#include "sqsim/detail/unfinished_batch.hpp"
#include "sqsim/error.hpp"
#include "sqsim/fwd.hpp"
#include "sqsim/handle_results.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/limits.hpp"
#include "sqsim/message.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI {

/// The deduplication id of a text under content-based deduplication: its SHA-256 in lower-case hexadecimal (R151).
[[nodiscard]] inline std::string content_deduplication_id(std::string_view body) { return detail::Sha256::hex(body); }

/// A FIFO queue: order within a message group, exactly-once sending within five minutes.
///
/// A message is delivered only when no earlier message of its group is in flight or delayed (R138); the messages of a
/// group may come in one batch, and one receive exhausts a group before it opens the next (R139). Groups are served in
/// the order in which their first messages became visible (R144).
///
/// A send whose deduplication id was accepted within the interval, also for a message deleted since, stores nothing
/// and answers with the ids of the original (R149, R150, R156).
///
/// Everything else is as on a `Queue`, which documents the verbs that both have. The parameters are the same, too.
template <class C, class Body, class Lock>
class FifoQueue {
    static_assert(Clock<C>, "the first parameter of FifoQueue must satisfy sqsim::Clock");

public:
    using clock_type = C;
    using body_type = Body;
    using time_point = typename C::time_point;
    using message_type = Message<Body, time_point>;
    using body_argument = detail::BodyArgument<Body>;

    /// Errors: an option out of its range in `options.limits`, or a name without the suffix ".fifo", throws; so does
    /// content-based deduplication of bodies that are not text.
    FifoQueue() requires detail::StaticClock<C> : FifoQueue{detail::static_clock<C>} {}
    explicit FifoQueue(FifoQueueOptions options) requires detail::StaticClock<C>
        : FifoQueue{detail::static_clock<C>, std::move(options)} {}
    explicit FifoQueue(C& clock, FifoQueueOptions options = {}) : lazy_core_{clock, options} {
        if (!detail::is_text<Body> && options.content_based_deduplication) {
            detail::raise(Errc::invalid_attribute_value,
                          "Invalid value for the parameter ContentBasedDeduplication. Reason: only bodies of type "
                          "std::string have a content to hash.");
        }
    }
    FifoQueue(C&&, FifoQueueOptions = {}) = delete;
    FifoQueue(const FifoQueue&) = delete;
    FifoQueue& operator=(const FifoQueue&) = delete;
    ~FifoQueue() = default;

    /// Stores a message at the end of its group, unless it is a duplicate. A message's own delay is refused (R47).
    /// Errors: as `Queue::send_message`, for a missing or malformed group or deduplication id (R49-R51), and
    /// `request_throttled` above `maximum_calls_per_second`, as receives and deletes do (R162).
    SendMessageResult send_message(body_argument body, std::string_view message_group_id,
                                   const FifoSendMessageOptions& options = {}) {
        return send_one(std::forward<body_argument>(body), message_group_id, options).value();
    }
    SendMessageResult send_message(const Body& body, std::string_view message_group_id,
                                   const FifoSendMessageOptions& options = {}) requires detail::is_copied<Body> {
        return send_one(body, message_group_id, options).value();
    }

    /// As `send_message`, with the error `queue_full` as a value. A duplicate fits into a full queue.
    Result<SendMessageResult> try_send_message(body_argument body, std::string_view message_group_id,
                                               const FifoSendMessageOptions& options = {}) {
        return send_one(std::forward<body_argument>(body), message_group_id, options);
    }
    Result<SendMessageResult>
    try_send_message(const Body& body, std::string_view message_group_id,
                     const FifoSendMessageOptions& options = {}) requires detail::is_copied<Body> {
        return send_one(body, message_group_id, options);
    }

    /// Stores up to ten messages in their order (R80); each entry succeeds or fails by itself. One that is stored is
    /// moved from, another one is not touched. Errors: throws for the batch as a whole also if an entry lacks its group
    /// or deduplication id (R79).
    std::vector<Result<SendMessageResult>> send_messages(std::span<FifoSendMessageEntry<Body>> entries) {
        const Limits& limits = lazy_core_.first_options().limits;
        if (!entries.empty() && entries.size() <= std::min(most_plain, limits.maximum_batch_entries)) [[likely]] {
            PlainSend<most_plain> send{*this};
            for (const FifoSendMessageEntry<Body>& entry : entries) {
                send.add(entry.message_group_id, entry.options);
            }
            send.ask();
            for (const FifoSendMessageEntry<Body>& entry : entries) {
                send.look_at(entry.body);
            }
            if (send.must_look_closer()) [[unlikely]] {
                for (const FifoSendMessageEntry<Body>& entry : entries) {
                    send.look_closer_at(entry.body);
                }
            }
            if (send.is_good() && send.size() <= limits.maximum_batch_size) [[likely]] {
                return send_plain(entries, send);
            }
        }
        return send_checked(entries);
    }

    /// Receives one message, if a group is available. See `Queue::receive_message`; over the in-flight limit nothing is
    /// returned and nothing thrown (R103).
    /// Concurrency: woken also when a group becomes available because the message that blocked it is deleted, moved or
    /// past its retention (R93, R141).
    std::optional<message_type> receive_message(const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        return detail::receive_one(core(), options, stop);
    }

    /// Receives up to `max_number_of_messages`. With the `receive_request_attempt_id` of a receive of the last five
    /// minutes it returns the same messages and handles again and resets their timeouts; it is a receive like any other
    /// if one of the leases has ended by itself (R100).
    /// Errors: throws `invalid_parameter_value` if one of them was deleted or its visibility changed since (R100).
    std::vector<message_type> receive_messages(const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        return detail::receive_some(core(), options, stop);
    }
    std::size_t receive_messages(std::span<message_type> out, const ReceiveMessageOptions& options = {},
                                 std::stop_token stop = {}) {
        return detail::receive_into(core(), {}, out, options, stop);
    }

    /// Deletes a message during the lease of this handle.
    /// Returns: `expired`, and deletes nothing, when that lease has ended (R111), so always after a receive with a
    /// visibility timeout of zero (R112); `superseded` if the message was received again since; `gone` as on a `Queue`.
    HandleResult delete_message(const ReceiptHandle& handle) { return core().erase(handle); }
    HandleResults delete_messages(std::span<const ReceiptHandle> handles) {
        return detail::erase_batch(core(), handles);
    }
    std::size_t delete_and_receive(std::span<const ReceiptHandle> done, std::span<message_type> out,
                                   const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        return detail::erase_and_receive(core(), done, out, options, stop);
    }

    /// Lets a lease, and with it the life of its handle, end `timeout` from now (R111, R117). Later messages of the
    /// group stay blocked, earlier ones do not (R138). Returns: `expired` or `superseded` if this lease has ended
    /// (R123).
    HandleResult change_message_visibility(const ReceiptHandle& handle, std::chrono::nanoseconds timeout) {
        return core().change_visibility(handle, timeout);
    }

    /// Removes every message and forgets every deduplication id (R155, R196).
    void purge() { core().purge(); }

    /// As on a `Queue`. A move frees the group, and the message's order relative to the rest is lost (R178).
    void set_redrive_policy(RedrivePolicy<FifoQueue> policy) {
        core().set_redrive_policy(policy.dead_letter_queue.core(), policy.max_receive_count);
    }
    void clear_redrive_policy() {
        if (Core* const core = lazy_core_.made()) {
            core->clear_redrive_policy();
        }
    }
    [[nodiscard]] std::vector<std::string> dead_letter_source_queues() const {
        return detail::dead_letter_source_queues(core());
    }

    void set_visibility_timeout(std::chrono::nanoseconds timeout) { detail::set_visibility_timeout(core(), timeout); }
    void set_delay(std::chrono::nanoseconds delay) {
        detail::set_delay(core(), delay);  // also of the messages delayed now (R130)
    }
    void set_message_retention_period(std::chrono::nanoseconds period) { detail::set_retention(core(), period); }
    void set_receive_message_wait_time(std::chrono::nanoseconds time) { detail::set_wait_time(core(), time); }
    void set_maximum_message_size(std::size_t bytes) { detail::set_maximum_message_size(core(), bytes); }

    [[nodiscard]] FifoQueueOptions options() const {
        Core* const core = lazy_core_.made();
        return core != nullptr ? core->locked([](Engine& engine) { return engine.options(); })
                               : lazy_core_.first_options();
    }
    [[nodiscard]] const std::string& name() const noexcept { return lazy_core_.first_options().name; }
    [[nodiscard]] QueueCounts counts() const {
        Core* const core = lazy_core_.made();
        return core != nullptr ? core->locked([](Engine& engine) { return engine.ledger().counts(); }) : QueueCounts{};
    }
    [[nodiscard]] QueueMetrics metrics() const {
        return core().locked([](Engine& engine) { return engine.metrics(); });
    }
    [[nodiscard]] std::optional<PeekedMessage<message_type>> peek(const MessageId& id) const {
        return detail::peek(core(), id);
    }
    [[nodiscard]] std::vector<PeekedMessage<message_type>> peek(MessageState state, std::size_t maximum = 10) const {
        return detail::peek(core(), state, maximum);
    }
    /// As on a `Queue`; the end of the memory of a deduplication id is an event, too.
    [[nodiscard]] std::optional<time_point> next_event() const {
        Core* const core = lazy_core_.made();
        return core != nullptr ? detail::next_event(*core) : std::nullopt;
    }
    [[nodiscard]] std::string describe() const { return detail::describe(core(), "FIFO queue"); }

private:
    friend struct detail::CoreAccess;
    using Engine = detail::FifoEngine<Body>;
    using Core = detail::QueueCore<C, Body, Lock, Engine, FifoQueueOptions>;
    using Unfinished = detail::UnfinishedEntries<Engine, Body, FifoSendMessageEntry<Body>>;
    static constexpr bool is_shared = !std::is_same_v<Lock, NullMutex>;

    [[nodiscard]] detail::MaybeError missing_ids(std::string_view group_id, const FifoSendMessageOptions& options,
                                                 bool in_batch) const {
        return detail::missing_fifo_ids(group_id, options.message_deduplication_id,
                                        lazy_core_.first_options().content_based_deduplication, in_batch);
    }

    /// Checks the ids; and finds that of the content (R151) if it is to stand in.
    template <class From>
    void complete_ids(const From& body, std::string_view group_id, const FifoSendMessageOptions& options,
                      detail::Draft& draft) const {
        draft.error = detail::check_fifo_ids(group_id, options.message_deduplication_id,
                                             lazy_core_.first_options().content_based_deduplication);
        if constexpr (detail::is_text<Body>) {
            if (!draft.error && options.message_deduplication_id.empty()) {
                draft.deduplication_id = content_deduplication_id(body);
            }
        }
    }

    template <class From>
    [[nodiscard]] detail::Draft make_draft(const From& body, std::string_view group_id,
                                           const FifoSendMessageOptions& options, bool in_batch) const {
        if (auto error = missing_ids(group_id, options, in_batch)) {
            return {std::move(error)};
        }
        auto draft = detail::draft<Body>(body, options, core(), in_batch);
        if (!draft.error) {
            complete_ids(body, group_id, options, draft);
        }
        return draft;
    }

    [[nodiscard]] detail::FifoKeys keys(std::string_view group_id, std::string_view deduplication_id) const noexcept {
        return detail::FifoKeys::of(lazy_core_.first_options().deduplication_scope, group_id, deduplication_id);
    }

    // Messages that have nothing but a body and ids, all of them good, take a short cut: no drafts, no errors, no
    // memory but the answer's, every id read once. Everything else, and what is wrong, goes the long way, which knows
    // the words for it.
    static constexpr std::size_t most_plain = 16;

    template <std::size_t Most>
    class PlainSend {
    public:
        explicit PlainSend(FifoQueue& queue)
            : core_{queue.core()}, makes_{queue.lazy_core_.first_options().deduplication_scope} {}

        /// One more message: computes its keys.
        [[gnu::always_inline]] void add(std::string_view group_id, const FifoSendMessageOptions& options) noexcept {
            is_plain_ &=
                options.message_attributes.empty() && options.aws_trace_header.empty() && !options.delay.has_value();
            keys_[count_++] = makes_.make(group_id, options.message_deduplication_id);
        }

        /// Asks for the memory that the keys lead to, so that it comes while the bodies are looked at. Where several
        /// threads use the queue only its lock allows that.
        [[gnu::always_inline]] void ask() const noexcept {
            if constexpr (!is_shared) {
                prefetch(core_.unlocked());
            }
        }
        [[gnu::always_inline]] void ask_under_lock(const Engine& engine) const noexcept {
            if constexpr (is_shared) {
                prefetch(engine);
            }
        }

        /// Looks at the body of each message. What is not printable ASCII must be looked at again, more closely.
        template <class From>
        [[gnu::always_inline]] void look_at(const From& body) noexcept {
            if constexpr (detail::is_text<Body>) {
                const std::string_view text{body};
                size_ += text.size();
                if (text.size() < Bytes::step || text.size() > core_.maximum_message_size()) [[unlikely]] {
                    look_closer_at(body);
                } else if (core_.limits().check_characters) {
                    bytes_.look_at_all(text);
                }
            }
        }
        [[nodiscard]] bool must_look_closer() const noexcept { return bytes_.has_seen_others(); }
        template <class From>
        [[gnu::noinline]] void look_closer_at(const From& body) noexcept {
            is_plain_ = is_plain_ && detail::is_good_body<Body>(body, core_);
        }

        [[nodiscard]] bool is_good() const noexcept { return is_plain_ && makes_.all_good(); }
        [[nodiscard]] std::size_t size() const noexcept { return size_; }
        [[nodiscard]] std::size_t count() const noexcept { return count_; }
        [[nodiscard]] const detail::FifoKeys& keys(std::size_t i) const noexcept { return keys_[i]; }
        [[nodiscard]] bool are_distinct() const noexcept { return detail::are_distinct({keys_.data(), count_}); }

    private:
        // Inlined for sure: compilers drop a call that does nothing but this.
        [[gnu::always_inline]] void prefetch(const Engine& engine) const noexcept {
            if (!engine.is_large()) {
                return;
            }
            for (std::size_t i = 0; i != count_; ++i) {
                engine.prefetch(keys_[i]);
            }
        }

        Core& core_;
        using Bytes = detail::ByteRange<0x20, 0x7F>;

        detail::KeyMaker makes_;
        Bytes bytes_{};
        bool is_plain_ = true;
        std::size_t count_ = 0;
        std::size_t size_ = 0;
        std::array<detail::FifoKeys, Most> keys_;
    };

    /// Stores one message.
    template <class From>
    [[nodiscard]] Result<SendMessageResult> send_one(From&& body, std::string_view group_id,
                                                     const FifoSendMessageOptions& options) {
        PlainSend<1> send{*this};
        send.add(group_id, options);
        send.ask();
        send.look_at(body);
        if (send.must_look_closer()) [[unlikely]] {
            send.look_closer_at(body);
        }
        if (!send.is_good()) [[unlikely]] {
            return send_drafted(std::forward<From>(body), group_id, options);
        }
        return core().locked_to_send(group_id, 1, [&](Engine& engine) {
            const auto times = engine.begin_send(true);
            if (const std::uint64_t original = engine.find_original(send.keys(0), times); original != 0) [[unlikely]] {
                return Result<SendMessageResult>{result(original, true)};
            }
            if (engine.room() == 0) [[unlikely]] {
                engine.give_up(send.keys(0), times);
                return Result<SendMessageResult>{detail::queue_is_full(core())};
            }
            const std::size_t size = detail::body_size<Body>(body);
            const std::uint64_t ordinal = engine.send_plain(std::forward<From>(body), group_id,
                                                            options.message_deduplication_id, send.keys(0), times);
            engine.ledger().count_sent({1, size, size, size});
            return Result<SendMessageResult>{result(ordinal, false)};
        });
    }

    template <class From>
    [[gnu::noinline]] Result<SendMessageResult> send_drafted(From&& body, std::string_view group_id,
                                                             const FifoSendMessageOptions& options) {
        auto draft = make_draft(body, group_id, options, false);
        detail::raise_if(draft.error);
        return core().locked_to_send(group_id, 1, [&](Engine& engine) {
            const auto times = engine.begin_send(true);
            detail::SizeTotals sizes;
            auto result = store(engine, times, std::forward<From>(body), group_id, options, draft, sizes);
            engine.ledger().count_sent(sizes);
            return result;
        });
    }

    std::vector<Result<SendMessageResult>> send_plain(std::span<FifoSendMessageEntry<Body>> entries,
                                                      const PlainSend<most_plain>& send) {
        const bool distinct = lazy_core_.first_options().deduplication_interval == std::chrono::nanoseconds::zero() &&
                              send.are_distinct();
        std::vector<Result<SendMessageResult>> results;
        results.reserve(entries.size());
        core().locked_to_send(entries.front().message_group_id, entries.size(), [&](Engine& engine) {
            const auto times = engine.begin_send(distinct);
            send.ask_under_lock(engine);
            Unfinished unfinished{engine, entries, results};
            detail::SizeTotals sizes;
            std::size_t room = engine.room();
            const detail::FifoKeys* keys = &send.keys(0);
            for (FifoSendMessageEntry<Body>& entry : entries) {
                const std::uint64_t original = engine.find_original(*keys, times);
                if (original == 0 && room != 0) [[likely]] {
                    const std::size_t size = detail::body_size<Body>(entry.body);
                    const std::uint64_t ordinal =
                        engine.send_plain(std::move(entry.body), entry.message_group_id,
                                          entry.options.message_deduplication_id, *keys, times);
                    --room;
                    sizes.add(size);
                    results.emplace_back(result(ordinal, false));
                } else if (original != 0) {
                    results.emplace_back(result(original, true));
                } else {
                    engine.give_up(*keys, times);
                    results.emplace_back(detail::queue_is_full(core()));
                }
                ++keys;
            }
            unfinished.keep();
            engine.ledger().count_sent(sizes);
        });
        return results;
    }

    std::vector<Result<SendMessageResult>> send_checked(std::span<FifoSendMessageEntry<Body>> entries) {
        for (const FifoSendMessageEntry<Body>& entry : entries) {
            detail::raise_if(missing_ids(entry.message_group_id, entry.options, true));
        }
        auto drafts = detail::draft_batch<Body, FifoSendMessageEntry<Body>>(entries, core());
        for (std::size_t i = 0; i < entries.size(); ++i) {
            if (!drafts[i].error) {
                complete_ids(entries[i].body, entries[i].message_group_id, entries[i].options, drafts[i]);
            }
        }
        std::vector<Result<SendMessageResult>> results;
        results.reserve(entries.size());
        core().locked_to_send(entries.front().message_group_id, entries.size(), [&](Engine& engine) {
            const auto times = engine.begin_send(false);
            Unfinished unfinished{engine, entries, results};
            detail::SizeTotals sizes;
            for (std::size_t i = 0; i < entries.size(); ++i) {
                FifoSendMessageEntry<Body>& entry = entries[i];
                results.push_back(drafts[i].error ? Result<SendMessageResult>{*drafts[i].error}
                                                  : store(engine, times, std::move(entry.body), entry.message_group_id,
                                                          entry.options, drafts[i], sizes));
            }
            unfinished.keep();
            for (std::size_t i = 0; i < entries.size(); ++i) {
                detail::take_options(drafts[i], entries[i].options);
            }
            engine.ledger().count_sent(sizes);
        });
        return results;
    }

    /// Stores a message that was found good, unless it is a duplicate, and adds its size. Under the lock.
    template <class From>
    Result<SendMessageResult> store(Engine& engine, const typename Engine::SendTimes& times, From&& body,
                                    std::string_view group_id, const FifoSendMessageOptions& options,
                                    detail::Draft& draft, detail::SizeTotals& sizes) {
        const std::string_view deduplication_id =
            draft.deduplication_id.empty() ? options.message_deduplication_id : draft.deduplication_id;
        const detail::FifoKeys its_keys = keys(group_id, deduplication_id);
        if (const std::uint64_t original = engine.find_original(its_keys, times); original != 0) {
            return result(original, true);
        }
        if (engine.room() == 0) {
            engine.give_up(its_keys, times);
            return detail::queue_is_full(core());
        }
        const std::uint64_t ordinal =
            engine.send(std::forward<From>(body), std::move(draft.extras), group_id, deduplication_id, its_keys, times);
        sizes.add(draft.size);
        return result(ordinal, false);
    }

    [[nodiscard]] SendMessageResult result(std::uint64_t ordinal, bool deduplicated) const noexcept {
        return {deduplicated ? core().earlier_message_id(ordinal) : core().message_id(ordinal), SequenceNumber{ordinal},
                deduplicated};
    }

    [[gnu::always_inline]] [[nodiscard]] Core& core() const { return lazy_core_.get(); }

    detail::LazyCore<Core> lazy_core_;
};

template <class C>
FifoQueue(C&) -> FifoQueue<C>;
template <class C>
FifoQueue(C&, FifoQueueOptions) -> FifoQueue<C>;

}  // namespace sqsim::inline SQSIM_ABI
