// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/io/escape.hpp"
#include "sqsim/sim/timeline.hpp"
#include "sqsim/sim/timeline_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sqsim::inline SQSIM_ABI::sim {

namespace detail {

/// "#2", and "#2b" for the copy; nothing if there is no message.
[[nodiscard]] inline std::string message_name(std::uint32_t message, bool copy) {
    return message == 0 ? "" : "#" + std::to_string(message) + (copy ? "b" : "");
}

[[nodiscard]] constexpr std::string_view kind_word(TimelineStep::Kind kind) noexcept {
    switch (kind) {
    case TimelineStep::Kind::call:
        return "call";
    case TimelineStep::Kind::point:
        return "point";
    case TimelineStep::Kind::life:
        return "life";
    case TimelineStep::Kind::service:
        return "service";
    }
    return "step";
}

/// Microseconds, with the nanoseconds as a fraction.
[[nodiscard]] inline std::string trace_time(std::chrono::nanoseconds time) {
    const std::int64_t whole = time.count() / 1000;
    const std::int64_t rest = time.count() % 1000;
    std::string text = time.count() < 0 && whole == 0 ? "-0" : std::to_string(whole);
    if (rest != 0) {
        text += "." + std::to_string(1000 + (rest < 0 ? -rest : rest)).substr(1);
    }
    return text;
}

/// The events of one trace, all of one process.
class TraceEvents {
public:
    /// What describes a lane or the process: `value` is JSON.
    void metadata(std::string_view what, std::size_t thread, std::string_view key, std::string_view value) {
        begin("M", what, thread);
        out_ += ",\"args\":{\"";
        out_ += key;
        out_ += "\":";
        out_ += value;
        out_ += "}}";
    }

    void step(const TimelineStep& step) {
        const bool lasts = step.until > step.at;
        begin(lasts ? "X" : "i", step.text, step.actor + 1);
        field("ts", trace_time(step.at));
        if (lasts) {
            field("dur", trace_time(step.until - step.at));
        } else {
            field("s", "\"t\"");
        }
        field("cat", json_string(step.fault.empty() ? kind_word(step.kind) : "fault"));
        if (!step.fault.empty()) {
            field("cname", "\"terrible\"");
        }
        out_ += ",\"args\":{\"at\":" + json_string(instant_text(step.at)) +
                ",\"kind\":" + json_string(kind_word(step.kind));
        if (step.message != 0) {
            field("message", json_string(message_name(step.message, step.copy)));
        }
        if (!step.fault.empty()) {
            field("fault", json_string(step.fault));
        }
        out_ += "}}";
        if (!step.fault.empty()) {
            // A flag across all lanes: not every viewer shows colours of steps.
            begin("i", step.fault, step.actor + 1);
            field("ts", trace_time(step.at));
            field("s", "\"p\"");
            field("cat", "\"fault\"");
            field("cname", "\"terrible\"");
            out_ += '}';
        }
    }

    /// Leases overlap, also those of one message, hence each has an id of its own.
    void lease(const TimelineLease& lease, std::size_t id, std::string_view actor, std::chrono::nanoseconds end) {
        const std::string name = "message " + message_name(lease.message, lease.copy);
        const bool open = lease.until > end;
        const std::chrono::nanoseconds until = std::max(open ? end : lease.until, lease.from);
        for (const bool first : {true, false}) {
            begin(first ? "b" : "e", name, lease.actor + 1);
            field("ts", trace_time(first ? lease.from : until));
            field("cat", "\"lease\"");
            field("id", std::to_string(id));
            if (first) {
                out_ += ",\"args\":{\"actor\":" + json_string(actor) +
                        ",\"until\":" + json_string(instant_text(lease.until)) + ",\"ended by\":" +
                        (lease.deleted ? "\"delete\""
                         : open        ? "\"nothing before the run ended\""
                                       : "\"time\"") +
                        "}";
            }
            out_ += '}';
        }
    }

    [[nodiscard]] std::string text() const { return "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[" + out_ + "\n]}\n"; }

private:
    void begin(std::string_view phase, std::string_view name, std::size_t thread) {
        out_ += out_.empty() ? "\n{\"ph\":\"" : ",\n{\"ph\":\"";
        out_ += phase;
        out_ += "\",\"pid\":1";
        field("tid", std::to_string(thread));
        field("name", json_string(name));
    }
    void field(std::string_view key, std::string_view value) {
        out_ += ",\"";
        out_ += key;
        out_ += "\":";
        out_ += value;
    }

    std::string out_{};
};

}  // namespace detail

/// A run as JSON trace events, which chrome://tracing, Perfetto and Speedscope show: one process called `name`, one
/// lane per actor, steps and, as asynchronous events, leases. What went other than best is of the category "fault".
/// Times are virtual microseconds.
[[nodiscard]] inline std::string to_chrome_trace(const Timeline& timeline, std::string_view name = {}) {
    detail::TraceEvents events;
    events.metadata("process_name", 0, "name", detail::json_string(name.empty() ? "simulated run" : name));
    for (std::size_t actor = 0; actor < timeline.actors.size(); ++actor) {
        events.metadata("thread_name", actor + 1, "name", detail::json_string(timeline.actors[actor]));
        events.metadata("thread_sort_index", actor + 1, "sort_index", std::to_string(actor));
    }
    for (const TimelineStep& step : timeline.steps) {
        events.step(step);
    }
    const std::chrono::nanoseconds end = detail::end_of(timeline);
    for (std::size_t i = 0; i < timeline.leases.size(); ++i) {
        const TimelineLease& lease = timeline.leases[i];
        events.lease(lease, i + 1, detail::actor_name(timeline, lease.actor), end);
    }
    return events.text();
}

}  // namespace sqsim::inline SQSIM_ABI::sim
