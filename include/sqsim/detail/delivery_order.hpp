// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/choices.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/ready_list.hpp"
#include "sqsim/detail/tenants.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// Which visible message of a standard queue comes next.
///
/// That is the first by the time of its send, whether it is fresh or was given back by a lease or a delay that ended
/// (R126). A message of a noisy tenant waits aside until no other is left (R210). A choice source may prefer another
/// of the next ones (R201).
template <class Body>
class DeliveryOrder {
public:
    DeliveryOrder(Ledger<Body>& ledger, Tenants& tenants) noexcept : ledger_{ledger}, tenants_{tenants} {}

    [[nodiscard]] static Ready entry(const Record& record) noexcept {
        return {record.ordinal, record.slot(), record.generation(), false};
    }

    /// The next message, if there is one.
    struct Next {
        Record* record = nullptr;
        std::uint64_t order = 0;
        bool duplicate = false;

        [[nodiscard]] Ready ready() const noexcept { return {order, record->slot(), record->generation(), duplicate}; }
    };

    /// Sees to it that so many `give_back` throw nothing, beside those of the leases and delays that last. Errors:
    /// `std::bad_alloc`.
    [[gnu::always_inline]] void reserve(std::size_t count) { returned_.keep_room(ledger_.timed() + count); }

    /// Sees to it that so many `take` throw nothing of their own, and that what is taken can be given back, twice.
    /// Errors: `std::bad_alloc`.
    void reserve_taking(std::size_t count, std::uint32_t window) {
        std::size_t others = 0;
        if (window != 0) {
            // However wide the window and however often one is chosen, each of the others is given back once at a time.
            // Only noisy tenants come in another order than that of the places which the window counts.
            const std::size_t all = ledger_.counts().total();
            others = tenants_.used() ? all : std::min<std::size_t>(window, all);
            window_.reserve(others + 1);
            others += ReadyList::chunk;  // those that are taken meanwhile leave room by whole chunks only
        }
        taking_ = 2 * count + others;
        reserve(taking_);
    }
    /// The same for `more` others that were not counted then.
    void reserve_more(std::size_t more) { reserve(taking_ + more); }

    /// Adds a message that is visible but not for the first time. Precondition: there is room, which was reserved when
    /// its lease or delay began.
    void give_back(const Ready& ready) noexcept { returned_.push(ready); }

    /// Whether the next messages are simply those that nobody has received yet.
    [[nodiscard]] bool is_that_of_arrival() const noexcept { return returned_.empty() && !tenants_.used(); }

    /// Takes the next message out of the order.
    [[nodiscard]] Next take() { return next(take_first(~std::uint64_t{0})); }

    /// The same if `choices` decide which of the next ones that is, within a window. Errors: theirs; nothing is taken
    /// then.
    [[nodiscard]] Next take(Choices& choices, std::uint32_t window) {
        return window == 0 ? take() : next(choose(choices, window));
    }

    /// Forgets all that was given back: it is purged.
    void purge() noexcept { returned_.clear(); }

    /// Forgets stale entries if they may be most of all, and lets go of room that is not needed.
    void sweep() noexcept {
        returned_.limit_room(ledger_.timed());
        if (returned_.size() > 2 * ledger_.counts().total() + 64) {
            returned_.remove_unless([this](const Ready& ready) { return is_meant(ready); });
        }
    }

private:
    [[nodiscard]] Next next(const std::optional<Ready>& ready) const noexcept {
        return ready ? Next{&ledger_.store()[ready->slot], ready->order, ready->duplicate} : Next{};
    }

    // Those that competed to be next and are not go back, or all of them if nothing was chosen.
    struct Competition {
        explicit Competition(DeliveryOrder& order_) noexcept : order{order_} {}
        Competition(const Competition&) = delete;
        Competition& operator=(const Competition&) = delete;
        ~Competition() {
            for (std::size_t i = 0; i < order.window_.size(); ++i) {
                if (i != winner) {
                    order.returned_.push(order.window_[i]);
                }
            }
        }
        DeliveryOrder& order;
        std::size_t winner = ~std::size_t{0};
    };

    [[nodiscard]] std::optional<Ready> choose(Choices& choices, std::uint32_t window) {
        std::optional<Ready> first = take_first(~std::uint64_t{0});
        if (!first) {
            return first;
        }
        // Only messages at most a window younger compete, so that none is overtaken by more than a window of others.
        const std::uint64_t youngest = first->order + window;
        window_.assign(1, *first);
        while (const std::optional<Ready> other = take_first(youngest)) {
            window_.push_back(*other);
        }
        Competition competition{*this};
        competition.winner =
            choices.first_of(static_cast<std::uint32_t>(window_.size()), ledger_.store()[first->slot].ordinal);
        return window_[competition.winner];
    }

    [[nodiscard]] bool is_meant(const Ready& ready) const noexcept {
        const Record& record = ledger_.store()[ready.slot];
        return record.generation() == ready.generation &&
               record.state() == (ready.duplicate ? State::in_flight : State::visible);
    }

    /// Takes the first deliverable message, if it is not younger than `youngest`.
    [[nodiscard]] std::optional<Ready> take_first(std::uint64_t youngest) {
        while (true) {
            const std::optional<Ready> main = peek_main();
            if (tenants_.used()) {
                if (main && defer_if_noisy(*main)) {
                    continue;
                }
                if (!tenants_.deferring().empty()) {
                    if (const std::optional<std::uint32_t> from = better_deferred(main)) {
                        return take_deferred(*from, youngest);
                    }
                }
            }
            if (!main || main->order > youngest) {
                return std::nullopt;
            }
            take_main(*main);
            return main;
        }
    }

    /// The first of the fresh and the returned messages.
    [[nodiscard]] std::optional<Ready> peek_main() {
        const Ready* back = peek_meant(returned_);
        const Record* fresh = ledger_.arrivals().next_fresh();
        if (fresh != nullptr && (back == nullptr || fresh->ordinal < back->order)) {
            return entry(*fresh);
        }
        return back != nullptr ? std::optional{*back} : std::nullopt;
    }

    void take_main(const Ready& ready) {
        const Ready* back = returned_.peek();
        if (back != nullptr && back->slot == ready.slot && back->generation == ready.generation) {
            returned_.pop();
        } else {
            ledger_.arrivals().skip_fresh();
        }
    }

    [[nodiscard]] const Ready* peek_meant(ReadyList& list) {
        const Ready* ready = list.peek();
        while (ready != nullptr && !is_meant(*ready)) {
            list.pop();
            ready = list.peek();
        }
        return ready;
    }

    bool defer_if_noisy(const Ready& ready) {
        Record& record = ledger_.store()[ready.slot];
        if ((record.layout & layout_linked) == 0) {
            return false;
        }
        const std::uint32_t tenant = Ledger<Body>::Layout::link(record).group;
        if (!tenants_.noisy(tenant, ledger_.now(), ledger_.in_flight())) {
            return false;
        }
        if (!tenants_.may_defer(tenant)) {  // out of memory: better unfair than not at all
            return false;
        }
        take_main(ready);
        tenants_.defer(tenant, ready);
        return true;
    }

    /// The tenant whose deferred messages go before `main`: one that became quiet and has an older one, or, if there
    /// is nothing else, the noisy one with the fewest in flight (R210).
    [[nodiscard]] std::optional<std::uint32_t> better_deferred(const std::optional<Ready>& main) {
        std::optional<std::uint32_t> quiet;
        std::optional<std::uint32_t> noisy;
        const auto first = [&](std::uint32_t tenant) { return tenants_.deferred(tenant).peek()->order; };
        for (const std::uint32_t tenant : tenants_.deferring()) {
            if (peek_meant(tenants_.deferred(tenant)) == nullptr) {
                continue;
            }
            if (!tenants_.noisy(tenant, ledger_.now(), ledger_.in_flight())) {
                if (!quiet || first(tenant) < first(*quiet)) {
                    quiet = tenant;
                }
            } else if (!noisy || std::pair{tenants_.in_flight(tenant), first(tenant)} <
                                     std::pair{tenants_.in_flight(*noisy), first(*noisy)}) {
                noisy = tenant;
            }
        }
        tenants_.trim_deferring();
        if (main) {
            return quiet && first(*quiet) < main->order ? quiet : std::nullopt;
        }
        return quiet ? quiet : noisy;
    }

    [[nodiscard]] std::optional<Ready> take_deferred(std::uint32_t tenant, std::uint64_t youngest) {
        const Ready ready = *tenants_.deferred(tenant).peek();
        if (ready.order > youngest) {
            return std::nullopt;
        }
        tenants_.deferred(tenant).pop();
        tenants_.trim_deferring();
        return ready;
    }

    Ledger<Body>& ledger_;
    Tenants& tenants_;
    ReadyList returned_{};         // visible, but not for the first time since the send
    std::vector<Ready> window_{};  // those that compete to be next
    std::size_t taking_ = 0;       // for so many there was room when the last receive began
};

}  // namespace sqsim::inline SQSIM_ABI::detail
