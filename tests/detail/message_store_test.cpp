// SPDX-License-Identifier: MIT

// Catches a slot that is used again too early or never, a body that lies outside its slot, and a store that goes
// before, or stays after, the last message that refers to it.

#include "catch.hpp"

#include "sqsim/detail/message_store.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using sqsim::detail::MessageStore;
using sqsim::detail::PayloadOf;
using sqsim::detail::PlainRules;
using sqsim::detail::Record;
using sqsim::detail::State;

namespace {

using Store = MessageStore<std::string>;
using Layout = PayloadOf<std::string>;

std::string_view body_of(Record& record) {
    return {reinterpret_cast<const char*>(Layout::body(record)), record.body_size};
}

/// Stores a message as a queue would have it.
Record& store_visible(Store& store, std::string_view body, std::string_view group = {}, std::string_view id = {}) {
    Record& record = store.store(body, nullptr, group, id, !group.empty());
    record.set_state(State::visible);
    return record;
}

void remove_and_bury(Store& store, Record& record) {
    store.remove(record);
    store.bury(store.take_doomed());
}

/// A body that counts how many of its kind live.
struct Counted {
    explicit Counted(int& alive_) : alive{&alive_} { ++*alive; }
    Counted(Counted&& other) noexcept : alive{other.alive} { ++*alive; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    Counted& operator=(Counted&&) = delete;
    ~Counted() { --*alive; }
    int* alive;
};

}  // namespace

TEST_CASE("Bodies and ids of every size are kept whole, and slots do not overlap", "[detail][store]") {
    const auto store = Store::make(1, true);
    std::vector<std::pair<Record*, std::string>> stored;
    std::set<std::uint32_t> slots;
    for (const std::size_t size : {1U, 10U, 63U, 64U, 65U, 128U, 200U, 1000U, 1024U, 2048U, 4000U, 4095U, 4096U, 4097U,
                                   5000U, 100'000U, 1'048'576U}) {
        for (int i = 0; i < 40; ++i) {
            const std::string body(size, static_cast<char>('a' + i % 26));
            const std::string group = i % 2 == 0 ? "" : std::string(static_cast<std::size_t>(1 + i * 3), 'g');
            const std::string id = i % 3 == 0 ? "" : std::string(128, static_cast<char>('0' + i % 10));
            Record& record = store_visible(*store, body, group, id);
            CHECK(slots.insert(record.slot()).second);
            CHECK(store->contains(record.slot()));
            CHECK(&(*store)[record.slot()] == &record);
            stored.emplace_back(&record, body + "/" + group + "/" + id);
        }
    }
    bool whole = true;
    for (const auto& [record, expected] : stored) {
        whole = whole && std::string{body_of(*record)} + "/" + std::string{Layout::group_id(*record)} + "/" +
                                 std::string{Layout::deduplication_id(*record)} ==
                             expected;
    }
    CHECK(whole);
    CHECK_FALSE(store->contains(0xFFFF'FFFFU));
}

TEST_CASE("A slot is used again with another generation once nobody refers to its message", "[detail][store]") {
    for (const std::size_t size : {10U, 10'000U}) {  // beside its record, and in memory of its own
        const auto store = Store::make(1, false);
        const std::string body(size, 'x');
        Record& first = store_visible(*store, body);
        const std::uint32_t slot = first.slot();
        const std::uint32_t generation = first.generation();
        store->retain(first);
        remove_and_bury(*store, first);
        CHECK(first.generation() != generation);
        CHECK(store_visible(*store, body).slot() != slot);  // somebody still holds it
        CHECK(body_of(first) == body);
        store->release(first);
        Record& again = store_visible(*store, std::string(size, 'y'));
        CHECK(again.slot() == slot);
        CHECK(again.born == again.generation());
        CHECK(again.generation() != generation);
        CHECK(again.receives() == 0);
        CHECK(body_of(again) == std::string(size, 'y'));
    }
}

TEST_CASE("A slot that others refer to is not used again, however many are", "[detail][store]") {
    for (const std::size_t size : {10U, 10'000U}) {
        const auto store = Store::make(1, true);
        Record& held = store_visible(*store, std::string(size, 'x'));
        const std::uint32_t slot = held.slot();
        const std::uint32_t generation = held.generation();
        store->retain(held);
        remove_and_bury(*store, held);
        const auto breathe_until = [&](auto&& found) {
            for (int i = 0; i < 10'000; ++i) {
                Record& other = store_visible(*store, std::string(size, 'y'));
                if (found(other)) {
                    return true;
                }
                remove_and_bury(*store, other);
            }
            return false;
        };
        const auto is_held = [&](const Record& record) { return record.slot() == slot; };
        CHECK_FALSE(breathe_until(is_held));
        CHECK(body_of(held) == std::string(size, 'x'));
        store->release(held);
        bool is_found = false;
        for (int i = 0; i < 2; ++i) {  // the slot of the last of the others is free, too
            Record& again = store_visible(*store, std::string(size, 'y'));
            is_found =
                is_found || (is_held(again) && again.born == again.generation() && again.generation() != generation &&
                             again.receives() == 0 && body_of(again) == std::string(size, 'y'));
        }
        CHECK(is_found);
    }
}

TEST_CASE("A store that breathes uses no more slots than messages lived at one time", "[detail][store]") {
    const bool concurrent = GENERATE(false, true);
    for (const std::size_t living : {20U, 300U}) {
        const auto store = Store::make(1, concurrent);
        std::set<std::uint32_t> slots;
        for (int round = 0; round < 1000; ++round) {
            std::vector<Record*> records;
            for (std::size_t i = 0; i < living; ++i) {
                records.push_back(&store_visible(*store, "body"));
                slots.insert(records.back()->slot());
            }
            for (Record* record : records) {
                remove_and_bury(*store, *record);
            }
        }
        CHECK(slots.size() == living);
    }
}

TEST_CASE("A plain message is what was sent, or is refused and leaves its slot", "[detail][store]") {
    const auto store = Store::make(1, false);
    const PlainRules rules{5000, true};
    for (const std::size_t size : {1U, 7U, 15U, 16U, 17U, 64U, 100U, 4096U, 4097U, 5000U}) {
        std::string body(size, 'a');
        body.back() = 'z';
        Store::Plain why{};
        Record* const record = store->write_plain(*store, std::string_view{body}, rules, why);
        REQUIRE(record != nullptr);
        CHECK(body_of(*record) == body);
        CHECK(record->status == Record::plain_status);
        store->take_back(*store, *record);
        for (const char strange : {'\x01', '\x1F', '\0', '\xFF', '\x7F', '\t'}) {  // at every place
            const bool is_allowed = strange == '\x7F' || strange == '\t';
            for (std::size_t at = 0; at < size; at += 1 + size / 40) {
                std::string odd(size, 'a');
                odd[at] = strange;
                Record* const written = store->write_plain(*store, std::string_view{odd}, rules, why);
                CHECK((written != nullptr) == is_allowed);
                if (is_allowed) {
                    CHECK(written == record);  // the slot that was given back
                    CHECK(body_of(*written) == odd);
                    store->take_back(*store, *written);
                } else {
                    CHECK(why == Store::Plain::refused);
                }
            }
        }
    }
    for (const std::string& refused : {std::string{}, std::string(5001, 'a')}) {
        Store::Plain why{};
        CHECK(store->write_plain(*store, std::string_view{refused}, rules, why) == nullptr);
        CHECK(why == Store::Plain::refused);
    }
    const PlainRules lax{5000, false};
    Store::Plain why{};
    Record* const unchecked = store->write_plain(*store, std::string_view{"\x01"}, lax, why);
    REQUIRE(unchecked != nullptr);
    store->take_back(*store, *unchecked);
    CHECK(store->slots().count_taken() == 0);
}

TEST_CASE("Messages outlive their store's queue, on other threads", "[detail][store][threads]") {
    for (int round = 0; round < 20; ++round) {
        auto store = Store::make(1, true);
        Store& shared = *store;  // lives until its last message goes
        std::vector<std::vector<Record*>> held(2);
        for (std::size_t i = 0; i < 200; ++i) {
            Record& record = store_visible(shared, std::string(i % 2 == 0 ? 10 : 6000, 'b'));
            shared.retain(record);
            held[i % 2].push_back(&record);
            if (i % 3 == 0) {
                remove_and_bury(shared, record);
            }
        }
        std::vector<std::jthread> threads;
        for (const auto& records : held) {
            threads.emplace_back([&shared, records] {
                for (Record* record : records) {
                    shared.release(*record);
                }
            });
        }
        store.reset();
    }
    SUCCEED("the address sanitizer reports what is used after its end, or never freed");
}

TEST_CASE("A body of any type is destroyed once, when the last who refers to it lets go", "[detail][store]") {
    int alive = 0;
    {
        auto store = MessageStore<Counted>::make(1, true);
        Record& kept = store->store(Counted{alive}, nullptr, "", "", false);
        kept.set_state(State::visible);
        Record& removed = store->store(Counted{alive}, nullptr, "", "", false);
        removed.set_state(State::visible);
        CHECK(alive == 2);
        store->retain(removed);
        store->remove(removed);
        store->bury(store->take_doomed());
        CHECK(alive == 2);
        store->release(removed);
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
}
