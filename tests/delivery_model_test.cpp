// SPDX-License-Identifier: MIT

// Catches a delivery model that misbehaves beyond what the service documents, that does not misbehave when it is told
// to, that never lets a queue drain, or whose history depends on anything but its seed.

#include "catch.hpp"
#include "standard_support.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace standard;
using sqsim::DeliveryModel;
using sqsim::Errc;
using sqsim::HandleStatus;
using sqsim::QueueCounts;

namespace {

/// Receives and deletes until nothing is stored. Returns every body in the order received, or fails to come to an end
/// after many rounds.
Bodies drain(Queue& queue, sqsim::ManualClock& clock, const sqsim::ReceiveMessageOptions& options) {
    Bodies received;
    for (int round = 0; round < 10'000 && queue.counts().total() != 0; ++round) {
        for (const Message& message : queue.receive_messages(options)) {
            received.emplace_back(message.body());
            static_cast<void>(queue.delete_message(message.receipt_handle()));
        }
        clock.advance(1s);
    }
    return received;
}

std::size_t distinct(const Bodies& bodies) { return std::set<std::string>(bodies.begin(), bodies.end()).size(); }

std::size_t number_of(const std::string& body) { return static_cast<std::size_t>(std::stoul(body.substr(1))); }

/// What a run with two slow consumers saw: bodies, receive counts and outcomes in order.
Bodies history(const DeliveryModel& model) {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 5s, .delivery = model}};
    Bodies events;
    send_numbered(queue, "m", 60);
    std::vector<Message> held;
    for (int round = 0; round < 100; ++round) {
        for (Message& message : queue.receive_messages({.max_number_of_messages = 3})) {
            events.push_back(std::string{message.body()} + "#" + std::to_string(message.approximate_receive_count()));
            held.push_back(std::move(message));
        }
        if (round % 2 == 1) {
            for (const Message& message : held) {
                const auto status = queue.delete_message(message.receipt_handle()).status;
                events.push_back(std::string{message.body()} + "=" + std::to_string(static_cast<int>(status)));
            }
            held.clear();
        }
        clock.advance(700ms);
    }
    return events;
}

}  // namespace

TEST_CASE("R206: delivery is exact by default", "[delivery_model][standard]") {
    CHECK(sqsim::QueueOptions{}.delivery == DeliveryModel::exact());
    CHECK(DeliveryModel{} == DeliveryModel::exact());
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "m", 100);
    Bodies sent;
    for (int i = 0; i < 100; ++i) {
        sent.push_back("m" + std::to_string(i));
    }
    CHECK(drain(queue, clock, {.max_number_of_messages = 7}) == sent);
}

TEST_CASE("R206: knobs out of range are refused", "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    const auto code_for = [&](const DeliveryModel& model) {
        return code_of([&] { return Queue{clock, {.delivery = model}}.counts(); });
    };
    for (const double bad : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
        CHECK(code_for({.duplicate_probability = bad}) == Errc::invalid_attribute_value);
        CHECK(code_for({.short_poll_miss_probability = bad}) == Errc::invalid_attribute_value);
        CHECK(code_for({.lost_delete_probability = bad}) == Errc::invalid_attribute_value);
    }
    CHECK(code_for({.reorder_window = -1}) == Errc::invalid_attribute_value);
    CHECK_FALSE(code_for({.duplicate_probability = 1,
                          .reorder_window = 1000,
                          .short_poll_miss_probability = 1,
                          .lost_delete_probability = 1}));
}

TEST_CASE("R202: with duplicates always, a leased message is delivered once more within its timeout, not twice",
          "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 30s, .delivery = {.duplicate_probability = 1}}};
    send_numbered(queue, "m", 3);
    const auto first = queue.receive_messages();
    CHECK(bodies_of(first) == Bodies{"m0", "m1", "m2"});  // no message twice in one answer
    CHECK(queue.counts() == QueueCounts{.in_flight = 3});
    clock.advance(1s);
    const auto second = queue.receive_messages();
    CHECK(bodies_of(second) == Bodies{"m0", "m1", "m2"});
    CHECK(queue.counts() == QueueCounts{.in_flight = 3});  // still three messages
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(second[i].message_id() == first[i].message_id());
        CHECK(second[i].receipt_handle() != first[i].receipt_handle());
        CHECK(second[i].approximate_receive_count() == 2);
    }
    clock.advance(30s - tick);
    CHECK(queue.receive_messages().empty());  // one duplicate of a lease
    clock.advance(tick);
    const auto third = queue.receive_messages();
    CHECK(bodies_of(third) == Bodies{"m0", "m1", "m2"});
    CHECK(third[0].approximate_receive_count() == 3);

    CHECK(queue.delete_message(first[0].receipt_handle()).status == HandleStatus::superseded);
    CHECK(queue.delete_message(second[0].receipt_handle()).status == HandleStatus::superseded);
    for (const Message& message : third) {
        CHECK(queue.delete_message(message.receipt_handle()).status == HandleStatus::ok);
    }
    CHECK(queue.counts() == QueueCounts{});
    clock.advance(1h);
    CHECK(queue.receive_messages().empty());
}

TEST_CASE("R202: with duplicates always, a message that is deleted before its duplicate came does not come again",
          "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.delivery = {.duplicate_probability = 1}}};
    queue.send_message("m");
    const auto message = queue.receive_message();
    REQUIRE(queue.delete_message(message->receipt_handle()));
    CHECK_FALSE(queue.receive_message());
    clock.advance(1h);
    CHECK_FALSE(queue.receive_message());
}

TEST_CASE("R202: a duplicate wakes a long poll", "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.delivery = {.duplicate_probability = 1}}};
    BlockingReceive a{queue, {.wait_time = 20s}};
    BlockingReceive b{queue, {.wait_time = 20s}};
    clock.wait_for_waiters(2);
    queue.send_message("m");
    CHECK(a.bodies() == Bodies{"m"});
    CHECK(b.bodies() == Bodies{"m"});
    CHECK(queue.counts() == QueueCounts{.in_flight = 1});
}

TEST_CASE("R171, R202: a duplicate never moves a message to the dead-letter queue while its lease lasts",
          "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 30s, .delivery = {.duplicate_probability = 1}}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    const auto message = queue.receive_message();
    REQUIRE(message);
    CHECK_FALSE(queue.receive_message());  // one receive is the maximum
    CHECK(dead.counts().total() == 0);
    CHECK(queue.counts() == QueueCounts{.in_flight = 1});
    SECTION("it can be deleted") {
        CHECK(queue.delete_message(message->receipt_handle()).status == HandleStatus::ok);
        CHECK(dead.counts().total() == 0);
    }
    SECTION("without a delete it moves after its lease") {
        clock.advance(30s);
        CHECK_FALSE(queue.receive_message());
        CHECK(dead.counts() == QueueCounts{.visible = 1});
    }
}

TEST_CASE("R202: with duplicates always, every run drains", "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 3s, .delivery = {.duplicate_probability = 1}}};
    send_numbered(queue, "m", 50);
    // Two consumers that delete only after both have received: each message comes exactly twice.
    std::map<std::string, int> received;
    int rounds = 0;
    for (; rounds < 100 && queue.counts().total() != 0; ++rounds) {
        const auto a = queue.receive_messages();
        const auto b = queue.receive_messages();
        CHECK(bodies_of(a) == bodies_of(b));
        for (const Message& message : a) {
            ++received[std::string{message.body()}];
            CHECK(queue.delete_message(message.receipt_handle()).status == HandleStatus::superseded);
        }
        for (const Message& message : b) {
            ++received[std::string{message.body()}];
            CHECK(queue.delete_message(message.receipt_handle()).status == HandleStatus::ok);
        }
    }
    CHECK(rounds == 5);
    CHECK(received.size() == 50);
    CHECK(std::all_of(received.begin(), received.end(), [](const auto& entry) { return entry.second == 2; }));
}

TEST_CASE("R200: with deletes always lost, a copy comes once, after the visibility timeout and not before",
          "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 30s, .delivery = {.lost_delete_probability = 1}}};
    queue.send_message("m");
    const auto first = queue.receive_message();
    clock.advance(10s);
    CHECK(queue.delete_message(first->receipt_handle()).status == HandleStatus::ok);  // it says so, that is the point
    clock.advance(20s - tick);
    CHECK_FALSE(queue.receive_message());
    clock.advance(tick);
    const auto second = queue.receive_message();
    REQUIRE(second);
    CHECK(second->message_id() == first->message_id());
    CHECK(second->approximate_receive_count() == 2);
    CHECK(queue.delete_message(second->receipt_handle()).status == HandleStatus::ok);
    CHECK(queue.counts() == QueueCounts{});
    clock.advance(24h);
    CHECK_FALSE(queue.receive_message());
    CHECK(queue.metrics().number_of_messages_deleted == 2);
}

TEST_CASE("R200: with deletes always lost, every way to delete loses", "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 5s, .delivery = {.lost_delete_probability = 1}}};
    send_numbered(queue, "m", 3);
    const auto messages = queue.receive_messages();
    const auto handles = handles_of(messages);
    SECTION("a batch") { CHECK(queue.delete_messages(handles) == std::vector<sqsim::HandleResult>(3)); }
    SECTION("delete_and_receive") {
        std::array<Message, 3> out;
        CHECK(queue.delete_and_receive(handles, out) == 0);
    }
    CHECK(queue.counts() == QueueCounts{.in_flight = 3});
    clock.advance(5s);
    const auto again = queue.receive_messages();
    CHECK(bodies_of(again) == Bodies{"m0", "m1", "m2"});
    CHECK(queue.delete_messages(handles_of(again)) == std::vector<sqsim::HandleResult>(3));
    CHECK(queue.counts() == QueueCounts{});
}

TEST_CASE("R193, R200: a copy that survived a delete ends with the retention and a purge",
          "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.message_retention_period = 60s, .delivery = {.lost_delete_probability = 1}}};
    queue.send_message("m");
    const auto message = queue.receive_message();
    REQUIRE(queue.delete_message(message->receipt_handle()));
    SECTION("retention") { clock.advance(60s); }
    SECTION("purge") { queue.purge(); }
    CHECK(queue.counts() == QueueCounts{});
}

TEST_CASE("R200: with deletes always lost, every run drains, each message delivered exactly twice",
          "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 3s, .delivery = {.lost_delete_probability = 1}}};
    send_numbered(queue, "m", 50);
    const Bodies received = drain(queue, clock, {});
    CHECK(queue.counts() == QueueCounts{});
    CHECK(received.size() == 100);
    CHECK(distinct(received) == 50);
}

TEST_CASE("R90, R203: with short polls always missing, every short poll returns fewer messages than it could",
          "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 0s, .delivery = {.short_poll_miss_probability = 1}}};
    send_numbered(queue, "m", 10);
    std::set<std::size_t> sizes;
    for (int i = 0; i < 500; ++i) {
        CHECK_FALSE(queue.receive_message());  // of one message that is none
        const auto messages = queue.receive_messages();
        CHECK(messages.size() < 10);
        sizes.insert(messages.size());
        CHECK(queue.receive_messages({.max_number_of_messages = 2}).size() < 2);
    }
    CHECK(sizes.size() == 10);  // anything from none to nine happens
    CHECK(queue.counts() == QueueCounts{.visible = 10});
}

TEST_CASE("R90, R203: a short poll that misses hides at least one message, however many are asked for",
          "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 0s, .delivery = {.short_poll_miss_probability = 1}}};
    SECTION("of one that is visible") {
        queue.send_message("m");
        for (int i = 0; i < 100; ++i) {
            CHECK_FALSE(queue.receive_message());
            CHECK(queue.receive_messages().empty());
        }
    }
    SECTION("of three that are visible") {
        send_numbered(queue, "m", 3);
        std::set<std::size_t> sizes;
        for (int i = 0; i < 100; ++i) {
            sizes.insert(queue.receive_messages().size());
        }
        CHECK(sizes == std::set<std::size_t>{0, 1, 2});
    }
    SECTION("messages that would become dead letters do not count") {
        send_numbered(queue, "dead", 8);
        REQUIRE(queue.receive_messages({.wait_time = 1s}).size() == 8);
        queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
        queue.send_message("m");
        for (int i = 0; i < 100; ++i) {
            CHECK(queue.receive_messages().empty());
        }
        CHECK(queue.counts() == QueueCounts{.visible = 9});
    }
}

TEST_CASE("R90, R203: a short poll that misses hides something also where the in-flight limit allows few",
          "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    auto limits = sqsim::Limits::aws();
    limits.maximum_in_flight = 3;
    std::set<std::size_t> sizes;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        Queue queue{clock, {.delivery = {.short_poll_miss_probability = 1, .seed = seed}, .limits = limits}};
        send_numbered(queue, "m", 10);
        REQUIRE(queue.receive_message({.wait_time = 1s}));
        sizes.insert(queue.receive_messages().size());
    }
    CHECK(sizes == std::set<std::size_t>{0, 1});
}

TEST_CASE("R91, R92: choice: a long poll never misses", "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.delivery = {.short_poll_miss_probability = 1}}};
    for (int i = 0; i < 100; ++i) {
        send_numbered(queue, "m", 3);
        CHECK(receive_bodies(queue, {.wait_time = 1s}) == Bodies{"m0", "m1", "m2"});
    }
    queue.set_receive_message_wait_time(1s);
    queue.send_message("m");
    CHECK(queue.receive_message());
}

TEST_CASE("R203: with short polls mostly missing, every run drains, in order and each message once",
          "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.delivery = {.short_poll_miss_probability = 0.9, .seed = GENERATE(0U, 1U, 2U, 3U)}}};
    send_numbered(queue, "m", 50);
    const Bodies received = drain(queue, clock, {});
    CHECK(queue.counts() == QueueCounts{});
    REQUIRE(received.size() == 50);
    for (std::size_t i = 0; i < 50; ++i) {
        CHECK(number_of(received[i]) == i);
    }
}

TEST_CASE("R203: with short polls always missing, they leave the last message to a long poll",
          "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.delivery = {.short_poll_miss_probability = 1, .seed = GENERATE(0U, 1U, 2U, 3U)}}};
    send_numbered(queue, "m", 50);
    CHECK(drain(queue, clock, {}).size() == 49);
    REQUIRE(queue.counts() == QueueCounts{.visible = 1});
    CHECK(receive_bodies(queue, {.wait_time = 1s}) == Bodies{"m49"});
}

TEST_CASE("R201: with a window of three, a message is overtaken by the three sent after it and by no later one",
          "[delivery_model][standard]") {
    const std::uint64_t seed = GENERATE(0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U);
    const int batch = GENERATE(1, 10);
    CAPTURE(seed, batch);
    sqsim::ManualClock clock;
    Queue queue{clock, {.delivery = {.reorder_window = 3, .seed = seed}}};
    constexpr std::size_t count = 200;
    send_numbered(queue, "m", count);
    const Bodies received = drain(queue, clock, {.max_number_of_messages = batch});
    REQUIRE(received.size() == count);
    REQUIRE(distinct(received) == count);
    std::vector<std::size_t> position(count);
    for (std::size_t i = 0; i < count; ++i) {
        position[number_of(received[i])] = i;
    }
    std::set<std::size_t> distances;
    for (std::size_t early = 0; early < count; ++early) {
        for (std::size_t late = early + 1; late < count; ++late) {
            if (position[late] < position[early]) {
                distances.insert(late - early);
            }
        }
    }
    CHECK(distances == std::set<std::size_t>{1, 2, 3});  // it happens, and never more
}

TEST_CASE("R201: reordering delivers nothing before its delay or within its lease", "[delivery_model][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 10s, .delivery = {.reorder_window = 3}}};
    send_numbered(queue, "m", 4, {.delay = 5s});
    clock.advance(5s - tick);
    CHECK(queue.receive_messages().empty());
    clock.advance(tick);
    CHECK(distinct(receive_bodies(queue)) == 4);
    clock.advance(10s - tick);
    CHECK(queue.receive_messages().empty());
    clock.advance(tick);
    CHECK(distinct(receive_bodies(queue)) == 4);
}

TEST_CASE("R206: the same seed gives the same history, another seed another one", "[delivery_model][standard]") {
    const auto model = DeliveryModel::adversarial(7);
    const Bodies once = history(model);
    CHECK(history(model) == once);
    std::set<Bodies> histories{once};
    for (std::uint64_t seed = 8; seed < 20; ++seed) {
        histories.insert(history(DeliveryModel::adversarial(seed)));
    }
    CHECK(histories.size() == 13);
}

TEST_CASE("R206: without a fault the seed does not matter", "[delivery_model][standard]") {
    CHECK(history({.seed = 1}) == history(DeliveryModel::exact()));
    CHECK(history({.seed = 2}) == history(DeliveryModel::exact()));
}

TEST_CASE("R200-R203: the adversarial model loses no message, delivers none early, and drains",
          "[delivery_model][standard]") {
    const std::uint64_t seed = GENERATE(1U, 2U, 3U, 4U, 5U, 6U);
    CAPTURE(seed);
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 4s, .delivery = DeliveryModel::adversarial(seed)}};
    std::map<std::string, TimePoint> visible_from;
    for (std::size_t i = 0; i < 300; ++i) {
        const std::chrono::nanoseconds delay = i % 3 == 0 ? std::chrono::seconds{i % 7} : 0s;
        const std::string body = "m" + std::to_string(i);
        visible_from[body] = clock.now() + delay;
        queue.send_message(body, {.delay = delay});
        if (i % 10 == 0) {
            clock.advance(300ms);
        }
    }
    std::map<std::string, int> received;
    std::size_t repeats = 0;
    for (int round = 0; round < 5'000 && queue.counts().total() != 0; ++round) {
        const auto messages = queue.receive_messages();
        std::set<std::string> in_one_call;
        for (const Message& message : messages) {
            const std::string body{message.body()};
            CHECK(in_one_call.insert(body).second);
            CHECK(clock.now() >= visible_from[body]);
            repeats += ++received[body] > 1 ? 1U : 0U;
            if (round % 2 == 0) {  // the other consumer is slow
                static_cast<void>(queue.delete_message(message.receipt_handle()));
            }
        }
        clock.advance(500ms);
    }
    CHECK(queue.counts() == QueueCounts{});
    CHECK(received.size() == 300);
    CHECK(repeats > 0);
}

TEST_CASE("a choice source replaces the model, and null is exact delivery", "[delivery_model][standard]") {
    struct Duplicates final : sqsim::DecisionSource {
        std::uint32_t choose(sqsim::Site site, std::uint64_t subject, std::uint32_t alternatives) override {
            benign = benign && alternatives >= 1;
            if (site == sqsim::Site::duplicate) {
                subjects.push_back(subject);
                return subject == 2 ? 1 : 0;
            }
            return 0;
        }
        std::uint32_t reorder_window() const override { return 0; }
        std::vector<std::uint64_t> subjects;
        bool benign = true;
    } source;
    sqsim::ManualClock clock;
    Queue queue{clock, {.delivery = {.duplicate_probability = 1, .lost_delete_probability = 1}}};
    queue.decide_by(&source);
    send_numbered(queue, "m", 3);
    CHECK(receive_bodies(queue) == Bodies{"m0", "m1", "m2"});
    CHECK(receive_bodies(queue) == Bodies{"m1"});  // the second message sent
    CHECK(source.subjects == std::vector<std::uint64_t>{1, 2, 3});
    CHECK(source.benign);

    queue.decide_by(nullptr);
    queue.purge();
    queue.send_message("exact");
    const auto message = queue.receive_message();
    CHECK_FALSE(queue.receive_message());
    CHECK(queue.delete_message(message->receipt_handle()));
    CHECK(queue.counts() == QueueCounts{});
}
