// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/detail/text.hpp"
#include "sqsim/error.hpp"
#include "sqsim/history/detail/parser.hpp"
#include "sqsim/history/detail/text_form.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/ids.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// Writes the text form of a history. What has its default is left out.
class Writer {
public:
    explicit Writer(const History& history) : history_{history} {
        std::vector<std::string_view> names;
        for (const QueueFacts& queue : history.queues) {
            names.push_back(queue.name);
        }
        queues_ = unique_words(names);
        names.assign(history.clients.begin(), history.clients.end());
        clients_ = unique_words(names);
    }

    [[nodiscard]] std::string write() && {
        text_ = "sqsim-history 1";
        add("drained", "yes", history_.drained);
        text_ += '\n';
        for (const QueueFacts& queue : history_.queues) {
            write_queue(queue);
        }
        for (const std::string& client : history_.clients) {
            text_ += "client name=" + escape(client) + '\n';
        }
        const Operation* receive = nullptr;
        for (const Operation& operation : history_.operations) {
            write_operation(operation, operation.action == Action::delivery ? receive : nullptr);
            receive = operation.action == Action::receive ? &operation : receive;
        }
        return std::move(text_);
    }

private:
    /// For each name the word that means it and no other.
    [[nodiscard]] static std::vector<std::string> unique_words(const std::vector<std::string_view>& names) {
        std::vector<std::string_view> sorted{names};
        std::sort(sorted.begin(), sorted.end());
        std::vector<std::string> words;
        for (const std::string_view name : names) {
            const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), name);
            words.push_back(name.empty() || last - first > 1 ? number(words.size()) : escape(name));
        }
        return words;
    }

    [[nodiscard]] static std::string number(std::uint64_t value) { return "#" + std::to_string(value); }
    [[nodiscard]] static std::string word(const std::vector<std::string>& words, std::uint32_t index) {
        return index < words.size() ? words[index] : number(index);
    }

    void add(std::string_view key, std::string_view value, bool is_wanted = true) {
        if (is_wanted) {
            text_ += ' ';
            text_ += key;
            text_ += '=';
            text_ += value;
        }
    }
    void add_id(std::string_view key, std::uint32_t id) { add(key, number(id), id != 0); }
    void add_count(std::string_view key, std::int32_t count) { add(key, std::to_string(count), count != 0); }
    void add_time(std::string_view key, Nanos time, Nanos usual) { add(key, seconds_text(time), time != usual); }

    void write_queue(const QueueFacts& queue) {
        const QueueFacts usual;
        text_ += "queue";
        add("name", escape(queue.name));
        add("fifo", "yes", queue.fifo);
        add("deduplicates_by_group", "yes", queue.deduplicates_by_group);
        add_time("retention", queue.message_retention_period, usual.message_retention_period);
        add_time("deduplication_interval", queue.deduplication_interval, usual.deduplication_interval);
        add_count("max_receive_count", queue.max_receive_count);
        if (queue.dead_letter_queue != QueueFacts::none) {
            add("dead_letter_queue", word(queues_, queue.dead_letter_queue));
        }
        if (queue.max_number_of_messages != usual.max_number_of_messages) {
            add("max_number_of_messages", std::to_string(queue.max_number_of_messages));
        }
        add("keeps_messages", "yes", queue.keeps_messages);
        text_ += '\n';
    }

    void write_operation(const Operation& operation, const Operation* receive) {
        text_ += action_words[static_cast<std::size_t>(operation.action)];
        const bool follows = receive != nullptr;
        add("from", seconds_text(operation.invoked), !follows || operation.invoked != receive->invoked);
        add_time("to", operation.answered, follows ? receive->answered : operation.invoked);
        add("queue", word(queues_, operation.queue),
            follows ? operation.queue != receive->queue : history_.queues.size() != 1 || operation.queue != 0);
        add("client", word(clients_, operation.client),
            follows ? operation.client != receive->client : !clients_.empty() || operation.client != 0);
        add_id("message", operation.message);
        add_id("receipt", operation.receipt);
        add_id("group", operation.group);
        add_id("deduplication", operation.deduplication);
        add_count("count", operation.receive_count);
        add_count("maximum", operation.maximum);
        add_time(duration_key(operation.action), operation.duration, Nanos::zero());
        add_time("wait", operation.wait, Nanos::zero());
        if (operation.content != 0) {
            std::string content = "#";
            append_hex(content, operation.content, 16);
            add("content", content);
        }
        add("answer", answer_words[static_cast<std::size_t>(operation.answer)], operation.answer != Answer::ok);
        text_ += '\n';
    }

    const History& history_;
    std::vector<std::string> queues_{};
    std::vector<std::string> clients_{};
    std::string text_{};
};

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

[[nodiscard]] inline Error no_file(const std::string& what, const std::string& path) {
    return Error{Errc::resource_not_found_exception, "cannot " + what + " the file '" + path + "'"};
}

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history {

/// A history as text, one line for each queue, client and operation (docs/history.md). Ids become numbers.
[[nodiscard]] inline std::string to_text(const History& history) { return detail::Writer{history}.write(); }

/// Reads what `to_text` writes, and what others write in that form; their ids may be any words.
/// Returns: the history, or an error that names the line, what is wrong with it, and what would be right.
[[nodiscard]] inline Result<History> history_from_text(std::string_view text) { return detail::Parser{}.parse(text); }

/// As `history_from_text`; the error may also be that the file cannot be read.
[[nodiscard]] inline Result<History> read_history_file(const std::string& path) {
    const detail::File file{std::fopen(path.c_str(), "rb")};
    if (file == nullptr) {
        return detail::no_file("open", path);
    }
    std::string text;
    std::string part(std::size_t{1} << 16, '\0');
    while (const std::size_t size = std::fread(part.data(), 1, part.size(), file.get())) {
        text.append(part, 0, size);
    }
    if (std::ferror(file.get()) != 0) {
        return detail::no_file("read", path);
    }
    return history_from_text(text);
}

/// Writes a history to a file, replacing what was there. Returns: how many bytes, or the error.
inline Result<std::size_t> write_history_file(const History& history, const std::string& path) {
    const std::string text = to_text(history);
    detail::File file{std::fopen(path.c_str(), "wb")};
    if (file == nullptr || std::fwrite(text.data(), 1, text.size(), file.get()) != text.size() ||
        std::fclose(file.release()) != 0) {
        return detail::no_file("write", path);
    }
    return text.size();
}

}  // namespace history
}  // namespace SQSIM_ABI
}  // namespace sqsim

// The names from when the module was a part of `sim`; they stay for one release.
namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {
using history::history_from_text;
using history::read_history_file;
using history::to_text;
using history::write_history_file;
}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
