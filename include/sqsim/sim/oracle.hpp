// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// What an expectation found: nothing wrong, or a sentence that says what is.
struct Finding {
    std::string name{};
    std::string problem{};  // empty: the expectation holds
    /// The keys that took effect, if they are to be compared with those of the fault-free execution.
    std::optional<std::vector<std::string>> keys{};
    std::size_t excused = 0;  // problems that the faults of the execution account for

    [[nodiscard]] bool holds() const noexcept { return problem.empty(); }
};

namespace detail {

template <class T>
concept Streamable = requires(const T& value) {
    { to_string(value) } -> std::convertible_to<std::string>;
};

template <class T>
concept HasToString = requires(const T& value) {
    { value.to_string() } -> std::convertible_to<std::string>;
};

template <class T>
void append_text(std::string& text, const T& value);

template <class First, class Second>
void append_text(std::string& text, const std::pair<First, Second>& value) {
    append_text(text, value.first);
    text += ": ";
    append_text(text, value.second);
}

template <class T>
void append_text(std::string& text, const std::optional<T>& value) {
    value ? append_text(text, *value) : static_cast<void>(text += "nothing");
}

/// The text of a state: of texts, numbers, enumerations, pairs, tuples, ranges of them, and of what has a `to_string`.
/// The same for equal states on every compiler.
template <class T>
void append_text(std::string& text, const T& value) {
    if constexpr (std::convertible_to<const T&, std::string_view>) {
        text += std::string_view{value};
    } else if constexpr (std::is_same_v<T, bool>) {
        text += value ? "true" : "false";
    } else if constexpr (std::is_same_v<T, char>) {
        text += value;
    } else if constexpr (std::is_arithmetic_v<T>) {
        char digits[64];
        const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
        text.append(digits, end);
    } else if constexpr (std::is_enum_v<T>) {
        append_text(text, static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (requires {
                             value.count();
                             value.zero();
                         }) {
        append_text(text, value.count());
    } else if constexpr (HasToString<T>) {
        text += value.to_string();
    } else if constexpr (Streamable<T>) {
        text += to_string(value);
    } else if constexpr (std::ranges::input_range<const T>) {
        text += '{';
        const char* separator = "";
        for (const auto& element : value) {
            text += separator;
            append_text(text, element);
            separator = ", ";
        }
        text += '}';
    } else if constexpr (requires { std::tuple_size<T>::value; }) {
        text += '(';
        std::apply(
            [&](const auto&... elements) {
                const char* separator = "";
                ((text += separator, append_text(text, elements), separator = ", "), ...);
            },
            value);
        text += ')';
    } else {
        static_assert(std::ranges::input_range<const T>,
                      "a state is made of texts, numbers, pairs, tuples, ranges, or has a to_string");
    }
}

}  // namespace detail

/// The text of a state, as reports show it.
template <class T>
[[nodiscard]] std::string state_text(const T& state) {
    std::string text;
    text.reserve(64);
    detail::append_text(text, state);
    return text;
}

namespace detail {

/// Calls `visit(key, count)` for what an effect log holds: a map from keys to counts, or a range of keys.
template <class Effects, class Visit>
void count_keys(const Effects& effects, Visit visit) {
    if constexpr (requires(std::ranges::range_reference_t<const Effects> entry) {
                      entry.first;
                      { entry.second } -> std::convertible_to<long long>;
                  }) {
        for (const auto& [key, count] : effects) {
            visit(key, static_cast<long long>(count));
        }
    } else {
        using Key = std::ranges::range_value_t<const Effects>;
        std::vector<Key> keys(std::ranges::begin(effects), std::ranges::end(effects));
        std::sort(keys.begin(), keys.end());
        for (auto at = keys.begin(); at != keys.end();) {
            const auto end = std::upper_bound(at, keys.end(), *at);
            visit(*at, static_cast<long long>(end - at));
            at = end;
        }
    }
}

template <class Key>
[[nodiscard]] std::string times_text(const Key& key, long long count) {
    return "key " + state_text(key) + " took effect " +
           (count == 1   ? std::string{"once"}
            : count == 2 ? std::string{"twice"}
                         : std::to_string(count) + " times");
}

}  // namespace detail

/// Every key took effect at most once. `effects` is a map from keys to counts or a range of keys, a log.
template <class Effects>
[[nodiscard]] Finding at_most_once_per_key(const Effects& effects, std::string name = "at most once per key") {
    Finding finding;
    finding.name = std::move(name);
    detail::count_keys(effects, [&](const auto& key, long long count) {
        if (count > 1 && finding.holds()) {
            finding.problem = detail::times_text(key, count);
        }
    });
    return finding;
}

/// Every key of `effects` took effect exactly once, and so did every key of the fault-free execution; a scenario whose
/// fault-free execution has no effect is vacuous.
template <class Effects>
[[nodiscard]] Finding once_per_key(const Effects& effects, std::string name = "once per key") {
    Finding finding;
    finding.name = std::move(name);
    finding.keys.emplace();
    detail::count_keys(effects, [&](const auto& key, long long count) {
        if (count != 0) {
            finding.keys->push_back(state_text(key));
        }
        if (count > 1 && finding.holds()) {
            finding.problem = detail::times_text(key, count);
        }
    });
    return finding;
}
/// Every key of `keys` took effect exactly once, and no other more than once.
template <class Effects, std::ranges::input_range Keys>
requires(!std::convertible_to<Keys, std::string>) [[nodiscard]] Finding
    once_per_key(const Effects& effects, const Keys& keys, std::string name = "once per key") {
    Finding finding = at_most_once_per_key(effects, std::move(name));
    for (const auto& key : keys) {
        long long times = 0;
        detail::count_keys(effects, [&](const auto& other, long long count) { times += other == key ? count : 0; });
        if (times != 1 && finding.holds()) {
            finding.problem =
                times == 0 ? "key " + state_text(key) + " never took effect" : detail::times_text(key, times);
        }
    }
    return finding;
}

/// The queue holds no message, in whatever state.
template <class Q>
[[nodiscard]] Finding drained(const Q& queue, std::string name = "drained") {
    Finding finding;
    finding.name = std::move(name);
    if (queue.counts().total() != 0) {
        finding.problem = queue.label() + " still holds " + queue.contents();
    }
    return finding;
}

/// Each of these bodies is in the dead-letter queue.
template <class Q, std::ranges::input_range Bodies>
[[nodiscard]] Finding poison_ends_in_dlq(const Q& dead_letter_queue, const Bodies& bodies,
                                         std::string name = "poison ends in the dead-letter queue") {
    Finding finding;
    finding.name = std::move(name);
    const auto there = dead_letter_queue.bodies();
    for (const auto& body : bodies) {
        const auto count = std::count(there.begin(), there.end(), std::string_view{body});
        if (count == 0 && finding.holds()) {
            finding.problem = "\"" + std::string{std::string_view{body}} + "\" is not in " + dead_letter_queue.label();
        }
    }
    return finding;
}

/// The dead-letter queue holds nothing but these bodies. A good message is excused if faults cost it all the receives
/// that it had: the service then moves it rightfully.
template <class Q, std::ranges::input_range Bodies>
[[nodiscard]] Finding no_good_message_in_dlq(const Q& dead_letter_queue, const Bodies& poison,
                                             std::string name = "no good message in the dead-letter queue") {
    Finding finding;
    finding.name = std::move(name);
    for (const auto& letter : dead_letter_queue.letters()) {
        const bool is_poison = std::any_of(std::ranges::begin(poison), std::ranges::end(poison),
                                           [&](const auto& other) { return std::string_view{other} == letter.body; });
        if (is_poison) {
            continue;
        }
        if (letter.receives_lost_to_faults >= dead_letter_queue.attempts_before_dead_letter()) {
            ++finding.excused;
        } else if (finding.holds()) {
            finding.problem = "\"" + letter.body + "\" is in " + dead_letter_queue.label() + "; faults account for " +
                              std::to_string(letter.receives_lost_to_faults) + " of its receives";
        }
    }
    return finding;
}

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
