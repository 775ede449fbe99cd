// SPDX-License-Identifier: MIT
// The first program of the README, as printed there.
#undef NDEBUG
#include <sqsim/sqsim.hpp>

#include <cassert>
using namespace std::chrono_literals;

int main() {
    sqsim::ManualClock clock;  // time moves only when told to
    sqsim::Queue orders{clock, {.visibility_timeout = 30s}};

    orders.send_message("order-1", {.delay = 5s});
    assert(!orders.receive_message());  // still delayed

    clock.advance(5s);
    auto first = orders.receive_message();  // in flight until 35 s
    assert(first->body() == "order-1" && !orders.receive_message());

    clock.advance(30s);                      // the consumer was too slow ...
    auto second = orders.receive_message();  // ... so the message is delivered again
    assert(second->approximate_receive_count() == 2);

    assert(!orders.delete_message(first->receipt_handle()));  // superseded: the lease has passed on
    assert(orders.delete_message(second->receipt_handle()));
    assert(orders.counts().total() == 0);
}
