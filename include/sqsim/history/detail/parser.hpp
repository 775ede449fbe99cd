// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/history/detail/text_form.hpp"
#include "sqsim/history/history.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// Reads the text form of a history, line by line.
class Parser : private Values {
public:
    [[nodiscard]] Result<History> parse(std::string_view text) {
        while (!text.empty() && problem_.empty()) {
            const std::size_t end = text.find('\n');
            std::string_view line = text.substr(0, end);
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
            ++line_;
            if (line.ends_with('\r')) {
                line.remove_suffix(1);
            }
            take_line(line);
        }
        if (problem_.empty() && !has_header_) {
            fail("the first line must be 'sqsim-history 1'");
        }
        if (problem_.empty()) {
            resolve_dead_letter_queues();
        }
        if (!problem_.empty()) {
            return Error{Errc::invalid_parameter_value, "line " + std::to_string(line_) + ": " + problem_};
        }
        return std::move(history_);
    }

private:
    void take_line(std::string_view line) {
        rest_ = line;
        const std::string_view kind = next_word();
        if (kind.empty() || kind.starts_with('#')) {
            return;
        }
        if (!has_header_) {
            return take_header(kind);
        }
        if (kind == "queue") {
            return take_queue();
        }
        if (kind == "client") {
            return take_client();
        }
        if (const auto action = find_word(action_words, kind)) {
            return take_operation(static_cast<Action>(*action));
        }
        fail("'" + std::string{kind} + "' is none of queue, client, " + list_of(action_words));
    }

    [[nodiscard]] std::string_view next_word() noexcept {
        const std::size_t begin = rest_.find_first_not_of(" \t");
        if (begin == std::string_view::npos) {
            rest_ = {};
            return {};
        }
        const std::size_t end = rest_.find_first_of(" \t", begin);
        const std::string_view word = rest_.substr(begin, end == std::string_view::npos ? end : end - begin);
        rest_ = end == std::string_view::npos ? std::string_view{} : rest_.substr(end);
        return word;
    }

    /// Hands each `key=value` of the line to `take(key, value)`, which returns whether it knows the key.
    template <class Take>
    void take_pairs(std::string_view allowed, Take take) {
        for (std::string_view word = next_word(); !word.empty() && problem_.empty(); word = next_word()) {
            const std::size_t equals = word.find('=');
            const std::string_view key = word.substr(0, equals);
            if (equals == std::string_view::npos || !take(key, word.substr(equals + 1))) {
                return fail("'" + std::string{word} +
                            "' is not a key that is known here, an equals sign and a value; "
                            "the keys are " +
                            std::string{allowed});
            }
        }
    }

    void take_header(std::string_view kind) {
        if (kind != "sqsim-history" || next_word() != "1") {
            return fail("the first line must be 'sqsim-history 1'");
        }
        has_header_ = true;
        take_pairs("drained", [&](std::string_view key, std::string_view value) {
            return key == "drained" && read_flag(key, value, history_.drained);
        });
    }

    bool read_client(std::string_view key, std::string_view value, std::uint32_t& into) {
        if (value.starts_with('#')) {
            return read_number(key, value, into);
        }
        std::string name;
        read_name(key, value, name);
        const auto next = static_cast<std::uint32_t>(history_.clients.size());
        const auto [found, is_new] = clients_.try_emplace(name, next);
        if (is_new) {
            history_.clients.push_back(std::move(name));
        }
        into = found->second;
        return true;
    }

    bool read_queue(std::string_view key, std::string_view value, std::uint32_t& into) {
        if (value.starts_with('#')) {
            read_number(key, value, into);
            if (problem_.empty() && into >= history_.queues.size()) {
                bad_value(key, value, "less than the number of queues, " + std::to_string(history_.queues.size()));
            }
            return true;
        }
        std::string name;
        read_name(key, value, name);
        const auto found = queues_.find(name);
        if (problem_.empty() && (found == queues_.end() || found->second == QueueFacts::none)) {
            bad_value(key, value,
                      found == queues_.end() ? "the name of a queue that has a line 'queue name=...'"
                                             : "# and the place of the queue, from 0: there are several "
                                               "of that name");
        }
        into = found == queues_.end() ? 0 : found->second;
        return true;
    }

    // Lines.

    void take_queue() {
        QueueFacts facts;
        std::string dead_letter_queue;
        take_pairs("name, fifo, deduplicates_by_group, retention, deduplication_interval, max_receive_count, "
                   "dead_letter_queue, max_number_of_messages, keeps_messages",
                   [&](std::string_view key, std::string_view value) {
                       if (key == "dead_letter_queue") {
                           dead_letter_queue = value;
                           return true;
                       }
                       return key == "name"                    ? read_name(key, value, facts.name)
                              : key == "fifo"                  ? read_flag(key, value, facts.fifo)
                              : key == "deduplicates_by_group" ? read_flag(key, value, facts.deduplicates_by_group)
                              : key == "retention" ? read_seconds(key, value, facts.message_retention_period)
                              : key == "deduplication_interval" ? read_seconds(key, value, facts.deduplication_interval)
                              : key == "max_number_of_messages" ? read_count(key, value, facts.max_number_of_messages)
                              : key == "keeps_messages"
                                  ? read_flag(key, value, facts.keeps_messages)
                                  : key == "max_receive_count" && read_count(key, value, facts.max_receive_count);
                   });
        const auto index = static_cast<std::uint32_t>(history_.queues.size());
        const auto [same, is_new] = queues_.try_emplace(facts.name, index);
        if (!is_new) {
            same->second = QueueFacts::none;
        }
        history_.queues.push_back(std::move(facts));
        dead_letter_queues_.push_back({line_, std::move(dead_letter_queue)});
    }

    void take_client() {
        std::string name;
        take_pairs("name", [&](std::string_view key, std::string_view value) {
            return key == "name" && read_name(key, value, name);
        });
        clients_.try_emplace(name, static_cast<std::uint32_t>(history_.clients.size()));
        history_.clients.push_back(std::move(name));
    }

    void take_operation(Action action) {
        Operation operation;
        const bool follows = action == Action::delivery && receive_;
        if (follows) {
            operation.invoked = receive_->invoked;
            operation.answered = receive_->answered;
            operation.queue = receive_->queue;
            operation.client = receive_->client;
        }
        operation.action = action;
        bool has_time = follows;
        bool has_end = follows;
        bool has_queue = follows || history_.queues.size() == 1;
        const std::string_view duration = duration_key(action);
        const std::string allowed =
            "from, to, queue, client, message, receipt, group, deduplication, count, maximum, " +
            std::string{duration} + ", wait, content, answer";
        take_pairs(allowed, [&](std::string_view key, std::string_view value) {
            has_time = has_time || key == "from";
            has_end = has_end || key == "to";
            has_queue = has_queue || key == "queue";
            return key == "from"            ? read_seconds(key, value, operation.invoked)
                   : key == "to"            ? read_seconds(key, value, operation.answered)
                   : key == "queue"         ? read_queue(key, value, operation.queue)
                   : key == "client"        ? read_client(key, value, operation.client)
                   : key == "message"       ? read_id(key, value, messages_, operation.message)
                   : key == "receipt"       ? read_id(key, value, receipts_, operation.receipt)
                   : key == "group"         ? read_id(key, value, groups_, operation.group)
                   : key == "deduplication" ? read_id(key, value, deduplications_, operation.deduplication)
                   : key == "count"         ? read_count(key, value, operation.receive_count)
                   : key == "maximum"       ? read_count(key, value, operation.maximum)
                   : key == duration        ? read_seconds(key, value, operation.duration)
                   : key == "wait"          ? read_seconds(key, value, operation.wait)
                   : key == "content"       ? read_content(key, value, operation.content)
                                            : key == "answer" && read_answer(key, value, operation.answer);
        });
        if (problem_.empty() && (!has_time || !has_queue)) {
            return fail(std::string{has_time ? "queue=..." : "from=..."} + " is missing");
        }
        operation.answered = has_end ? operation.answered : operation.invoked;
        history_.operations.push_back(operation);
        if (action == Action::receive) {
            receive_ = operation;
        }
    }

    void resolve_dead_letter_queues() {
        for (std::size_t i = 0; i < history_.queues.size() && problem_.empty(); ++i) {
            if (!dead_letter_queues_[i].second.empty()) {
                line_ = dead_letter_queues_[i].first;
                read_queue("dead_letter_queue", dead_letter_queues_[i].second, history_.queues[i].dead_letter_queue);
            }
        }
    }

    History history_{};
    std::string_view rest_{};  // of the line
    std::size_t line_ = 0;
    bool has_header_ = false;
    std::optional<Operation> receive_{};  // the latest
    std::unordered_map<std::string, std::uint32_t> clients_{};
    std::unordered_map<std::string, std::uint32_t> queues_{};                // `none` if there are several
    std::vector<std::pair<std::size_t, std::string>> dead_letter_queues_{};  // line and word, for each queue
    Numbering messages_{};
    Numbering receipts_{};
    Numbering groups_{};
    Numbering deduplications_{};
};

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
