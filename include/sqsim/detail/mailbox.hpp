// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/message_store.hpp"
#include "sqsim/detail/moved_message.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/detail/size_totals.hpp"
#include "sqsim/detail/slot_stock.hpp"
#include "sqsim/metrics.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// What has come to a queue past its lock and has not been taken in: messages that plain sends have prepared, and those
/// that other queues have moved here. Whoever has the queue's lock takes them in first of all, so they belong to the
/// queue in every count.
///
/// Its own lock is the innermost of all, so that a queue can post while it holds its own: no message is ever in neither
/// queue, and no two queues wait for each other.
template <class Body, class Lock>
class alignas(two_cache_lines) Mailbox {
    using Store = MessageStore<Body>;
    using Plain = typename Store::Plain;

public:
    Mailbox() = default;
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    ~Mailbox() {
        while (moved_ != nullptr) {  // one by one: a long chain would end deep in the stack
            moved_ = std::move(moved_->next);
        }
    }

    // For any thread.

    /// Whether something has come. One load.
    [[nodiscard]] bool is_filled() const noexcept { return is_filled_.load(std::memory_order_acquire); }
    /// The ordinal of the last message that the queue knows or should take in.
    [[nodiscard]] std::uint64_t latest() const noexcept { return latest_.load(std::memory_order_relaxed); }

    void note_latest(std::uint64_t ordinal) noexcept { latest_.store(ordinal, std::memory_order_relaxed); }

    /// Leaves a message that another queue moves here. It brings its own memory.
    void post(std::unique_ptr<MovedMessage> moved) noexcept {
        const Commit commit{};
        const std::scoped_lock lock{mutex};
        MovedMessage* const posted = moved.get();
        (moved_ == nullptr ? moved_ : last_moved_->next) = std::move(moved);
        last_moved_ = posted;
        is_filled_.store(true, std::memory_order_release);
    }

    Lock mutex{};

    // Under this lock.

    /// What became of a plain send.
    enum class Posted : std::uint8_t {
        stored,
        refused,     // a text may not be like this
        not_stored,  // the queue's lock is needed
    };

    /// Prepares a message. Errors: as `MessageStore::write_plain`; nothing has changed then.
    template <class From>
    [[gnu::always_inline]] [[nodiscard]] Posted prepare(Store& store, From&& body, Nanos now, const PlainRules& rules) {
        if (credit_ == 0) [[unlikely]] {
            return Posted::not_stored;
        }
        const std::size_t size = body_size<Body>(body);
        Plain why{};
        Record* const record = store.write_plain(stock_, std::forward<From>(body), rules, why);
        if (record == nullptr) [[unlikely]] {
            return outcome(why);
        }
        record->ordinal = last_ordinal_ + 1;
        record->sent_at = std::max(now, last_sent_at_);
        prepared_[count_] = {record->place, record};
        commit({1, size, size, size}, record->sent_at);
        return Posted::stored;
    }
    /// The same for several texts, all or none.
    [[nodiscard]] Posted prepare(Store& store, std::span<const std::string_view> bodies, Nanos now,
                                 const PlainRules& rules) {
        if (credit_ < bodies.size()) [[unlikely]] {
            return Posted::not_stored;
        }
        const Nanos sent_at = std::max(now, last_sent_at_);
        std::uint64_t ordinal = last_ordinal_;
        SizeTotals sizes{.count = bodies.size()};
        Unfinished unfinished{*this, store};
        for (const std::string_view body : bodies) {
            Plain why{};
            Record* const record = store.write_plain(stock_, body, rules, why);
            if (record == nullptr) [[unlikely]] {
                return outcome(why);
            }
            record->ordinal = ++ordinal;
            record->sent_at = sent_at;
            *unfinished.end++ = {record->place, record};
            sizes.add_uncounted(body.size());
        }
        unfinished.is_over = true;
        commit(sizes, sent_at);
        return Posted::stored;
    }

    /// Slots that one send has taken, to write into them without this lock: `SlotStock` for `write_plain`.
    class Slots {
    public:
        static constexpr std::size_t most = 16;

        [[nodiscard]] Record* take(std::uint8_t) noexcept { return records_[used_++]; }
        void put_back(Record&) noexcept {}  // all of them go back together
        [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

    private:
        friend class Mailbox;
        std::array<Record*, most> records_{};
        std::size_t count_ = 0;
        std::size_t used_ = 0;
    };
    /// Takes a slot for each text, of which there are no more than `Slots::most`. Returns: whether there were so many.
    [[nodiscard]] bool take_slots(std::span<const std::string_view> bodies, Slots& slots) noexcept {
        if (credit_ < bodies.size()) {
            return false;
        }
        for (const std::string_view body : bodies) {
            Record* const record = stock_.lend(Store::plain_class(body));
            if (record == nullptr) {
                put_back(slots);
                return false;
            }
            slots.records_[slots.count_++] = record;
        }
        return true;
    }
    void put_back(Slots& slots) noexcept {
        const Commit commit{};
        while (slots.count_ != 0) {
            stock_.take_back_lent(*slots.records_[--slots.count_]);
        }
    }
    /// Prepares what was written into slots. Returns: whether that is possible still.
    [[nodiscard]] bool prepare_written(Slots& slots, Nanos now) noexcept {
        if (credit_ < slots.count_) {
            return false;
        }
        const Nanos sent_at = std::max(now, last_sent_at_);
        SizeTotals sizes;
        for (std::size_t i = 0; i != slots.count_; ++i) {
            Record* const record = slots.records_[i];
            record->ordinal = last_ordinal_ + i + 1;
            record->sent_at = sent_at;
            stock_.give_lent(*record);
            prepared_[count_ + i] = {record->place, record};
            sizes.add(record->body_size);
        }
        commit(sizes, sent_at);
        slots.count_ = 0;
        return true;
    }

    /// The ordinal of the last message.
    [[nodiscard]] std::uint64_t last_ordinal() const noexcept { return last_ordinal_; }

    /// Receives that wait and must be woken, which takes the queue's lock: nothing is prepared as long as there is one.
    void add_sleeper() noexcept {
        ++sleepers_;
        credit_ = room_ = 0;
    }
    void remove_sleeper() noexcept { --sleepers_; }

    /// Lets nothing be prepared until the next `follow`. Returns: whether nothing has come meanwhile.
    [[nodiscard]] bool close() noexcept {
        credit_ = room_ = 0;
        return count_ == 0 && moved_ == nullptr;
    }

    // Under both locks.

    /// Gives what has come to the engine; `follow` must come next, also after an error. Errors: `std::bad_alloc`; what
    /// has not been taken in then is still here.
    template <class Engine>
    [[gnu::always_inline]] void empty_into(Engine& engine) {
        if constexpr (requires { engine.accepts_prepared(); }) {
            if (count_ != 0) {
                engine.ledger().reserve(count_);
                const Commit commit{};
                engine.take_in(std::span<const PreparedMessage>{prepared_.get(), count_}, last_ordinal_, last_sent_at_,
                               std::exchange(sizes_, {}));
                room_ -= std::min(room_, count_);
                count_ = 0;
                credit_ = std::min(room_, most_prepared);
                stock_.refill(engine.ledger().store().slots());
            }
        }
        if (moved_ != nullptr) [[unlikely]] {
            admit_moved(engine);
        }
        is_filled_.store(false, std::memory_order_release);
    }

    /// Whether messages of other queues have come.
    [[nodiscard]] bool has_moved() const noexcept { return moved_ != nullptr; }

    /// Knows from now on what the engine knows: the last message, and how many more may come. What could not be taken
    /// in the engine does not know yet: then nothing changes.
    template <class Engine>
    void follow(Engine& engine) noexcept {
        const Commit commit{};
        if (count_ != 0) [[unlikely]] {
            return;
        }
        last_ordinal_ = engine.ledger().last_ordinal();
        last_sent_at_ = engine.ledger().last_sent_at();
        note_latest(last_ordinal_);
        if constexpr (requires { engine.accepts_prepared(); }) {
            const bool is_open = sleepers_ == 0 && engine.accepts_prepared() && prepared_ != nullptr;
            room_ = is_open ? engine.room() : 0;
            credit_ = std::min(room_, most_prepared);
        }
    }

    /// Gets the memory that the last send, of so many messages, has missed. Errors: `std::bad_alloc`.
    void obtain(Store& store, std::size_t count) {
        store.free_held();
        stock_.obtain_missing(store.slots(), count);
        if (prepared_ == nullptr) {
            prepared_ = std::make_unique<PreparedMessage[]>(most_prepared);
        }
    }

    /// Puts free slots aside.
    void refill(Store& store) noexcept { stock_.refill(store.slots()); }

    /// Gives the free slots back.
    void return_slots(Store& store) noexcept { stock_.empty_into(store.slots()); }

private:
    static constexpr std::size_t most_prepared = 1024;  // whoever finds so many takes them in

    struct PreparedMessage {
        Place place;
        Record* record;  // for a send that takes it back: slots are found by number under the queue's lock only
    };

    /// Takes back the messages of a send that does not come to its end.
    struct Unfinished {
        Unfinished(Mailbox& mailbox_, Store& store_) noexcept
            : mailbox{mailbox_}, store{store_}, end{mailbox_.prepared_.get() + mailbox_.count_} {}
        Unfinished(const Unfinished&) = delete;
        Unfinished& operator=(const Unfinished&) = delete;
        ~Unfinished() {
            if (!is_over) [[unlikely]] {
                mailbox.take_back(store, end);
            }
        }
        Mailbox& mailbox;
        Store& store;
        PreparedMessage* end;
        bool is_over = false;
    };
    [[gnu::noinline]] void take_back(Store& store, const PreparedMessage* end) noexcept {
        const Commit commit{};
        while (end != prepared_.get() + count_) {
            store.take_back(stock_, *(--end)->record);
        }
    }

    template <class Engine>
    [[gnu::noinline]] void admit_moved(Engine& engine) {
        while (moved_ != nullptr) {
            engine.admit(*moved_);
            moved_ = std::move(moved_->next);
        }
    }

    [[nodiscard]] static Posted outcome(Plain written) noexcept {
        return written == Plain::refused ? Posted::refused : Posted::not_stored;
    }

    [[gnu::always_inline]] void commit(const SizeTotals& sizes, Nanos sent_at) noexcept {
        const Commit commit{};
        last_ordinal_ += sizes.count;
        last_sent_at_ = sent_at;
        credit_ -= static_cast<std::size_t>(sizes.count);
        count_ += static_cast<std::size_t>(sizes.count);
        sizes_.add(sizes);
        note_latest(last_ordinal_);
        is_filled_.store(true, std::memory_order_release);
    }

    std::size_t credit_ = 0;  // so many messages may be prepared
    std::size_t count_ = 0;   // so many are
    std::unique_ptr<PreparedMessage[]> prepared_{};
    std::uint64_t last_ordinal_ = 0;
    Nanos last_sent_at_ = Nanos::min();
    SlotStock stock_{};
    SizeTotals sizes_{};    // of what is prepared
    std::size_t room_ = 0;  // what the engine had room for when it last took something in
    std::size_t sleepers_ = 0;
    std::unique_ptr<MovedMessage> moved_{};  // and those behind it
    MovedMessage* last_moved_ = nullptr;
    alignas(two_cache_lines) std::atomic<bool> is_filled_{false};
    std::atomic<std::uint64_t> latest_{0};
};

/// The time for which a receive waits. It begins before the receive looks a last time: no send goes unseen.
template <class Mailbox>
class Sleeper {
public:
    explicit Sleeper(Mailbox& mailbox) : mailbox_{mailbox} {
        const std::scoped_lock lock{mailbox_.mutex};
        mailbox_.add_sleeper();
    }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;
    ~Sleeper() {
        const std::scoped_lock lock{mailbox_.mutex};
        mailbox_.remove_sleeper();
    }

private:
    Mailbox& mailbox_;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
