// SPDX-License-Identifier: MIT

// A bank behind a FIFO queue, in real time: one thread sends transactions, another one books them. The account is the
// message group, so each account's transactions are booked in their order; a retried send is stored once.

#include "sqsim/sqsim.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

using namespace std::chrono_literals;

namespace {

using Queue = sqsim::FifoQueue<>;  // on std::chrono::steady_clock, with text bodies

struct Owner {
    std::string_view account;
    int salary;
};
constexpr std::array<Owner, 3> owners{{{"alice", 900}, {"bob", 700}, {"carol", 500}}};
constexpr int transactions_per_account = 20;

/// One booking. The body of its message is "number amount".
struct Transaction {
    int number = 0;
    int amount = 0;

    [[nodiscard]] std::string to_string() const { return std::to_string(number) + ' ' + std::to_string(amount); }
    [[nodiscard]] static Transaction from_string(std::string_view body) {
        std::istringstream in{std::string{body}};
        Transaction transaction;
        in >> transaction.number >> transaction.amount;
        return transaction;
    }
};

/// What the consumer knows of an account.
struct Account {
    int transactions = 0;
    int balance = 0;
};

struct SendReport {
    std::map<std::string, int, std::less<>> balances{};  // as they must be in the end
    int sends = 0;
    int deduplicated = 0;
};

struct BookReport {
    std::map<std::string, Account, std::less<>> accounts{};
    int out_of_order = 0;
    int stale_deletes = 0;
    int empty_polls = 0;
};

SendReport send_transactions(Queue& queue) {
    SendReport report;
    for (int number = 1; number <= transactions_per_account; ++number) {
        for (const auto& [account, salary] : owners) {
            const Transaction transaction{number, number % 4 == 1 ? salary : -10 * number};
            const std::string body = transaction.to_string();
            // Every fifth answer gets lost on its way, so the producer sends again. The contents are the same, and so
            // is the deduplication id that the queue derives from them.
            const int attempts = number % 5 == 0 ? 2 : 1;
            for (int attempt = 0; attempt < attempts; ++attempt) {
                ++report.sends;
                report.deduplicated += queue.send_message(body, account).deduplicated ? 1 : 0;
            }
            report.balances[std::string{account}] += transaction.amount;
        }
        std::this_thread::sleep_for(2ms);
    }
    return report;
}

BookReport book_transactions(Queue& queue, const std::atomic<bool>& sending) {
    constexpr int patience = 3;
    BookReport report;
    // An empty poll while the producer is busy elsewhere says nothing; three of them after it has left say enough.
    for (int empty_in_a_row = 0; empty_in_a_row < patience;) {
        const bool still_sending = sending.load();
        const auto messages = queue.receive_messages({.wait_time = 50ms});
        if (messages.empty()) {
            ++report.empty_polls;
            empty_in_a_row += still_sending ? 0 : 1;
            continue;
        }
        empty_in_a_row = 0;
        for (const auto& message : messages) {
            const auto transaction = Transaction::from_string(message.body());
            Account& account = report.accounts[std::string{message.message_group_id()}];
            report.out_of_order += transaction.number == account.transactions + 1 ? 0 : 1;
            ++account.transactions;
            account.balance += transaction.amount;
            report.stale_deletes += queue.delete_message(message.receipt_handle()) ? 0 : 1;
        }
    }
    return report;
}

bool print(const SendReport& sent, const BookReport& booked) {
    const int stored = sent.sends - sent.deduplicated;
    std::cout << "sent " << sent.sends << " messages, " << sent.deduplicated << " of them retries that stored nothing; "
              << booked.empty_polls << " empty polls\n\n"
              << "account  transactions  balance  expected\n";
    bool good = booked.out_of_order == 0 && booked.stale_deletes == 0;
    int transactions = 0;
    for (const auto& [name, expected] : sent.balances) {
        const auto found = booked.accounts.find(name);
        const Account account = found != booked.accounts.end() ? found->second : Account{};
        std::cout << std::left << std::setw(7) << name << std::right << std::setw(14) << account.transactions
                  << std::setw(9) << account.balance << std::setw(10) << expected << '\n';
        good = good && account.balance == expected && account.transactions == transactions_per_account;
        transactions += account.transactions;
    }
    good = good && transactions == stored;
    std::cout << "\nout of order: " << booked.out_of_order << ", stale deletes: " << booked.stale_deletes
              << ", stored and booked: " << stored << " and " << transactions << (good ? "\nall good\n" : "\nWRONG\n");
    return good;
}

}  // namespace

int main() {
    // Equal contents are duplicates only within one account.
    Queue queue{{.name = "transactions.fifo",
                 .content_based_deduplication = true,
                 .deduplication_scope = sqsim::DeduplicationScope::message_group}};
    SendReport sent;
    BookReport booked;
    std::atomic<bool> sending = true;
    {
        const std::jthread consumer{[&] { booked = book_transactions(queue, sending); }};
        const std::jthread producer{[&] {
            sent = send_transactions(queue);
            sending = false;
        }};
    }
    return print(sent, booked) && queue.counts().total() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
