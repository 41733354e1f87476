#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace blotter::observe {

enum class Level : std::uint8_t { debug, info, warning, error };
std::string_view to_text(Level level);

enum class Format : std::uint8_t { json, text };

/// One word of the vocabulary in log_keys.def.
struct KeyRow {
    std::string_view name;
    std::string_view meaning;
};
inline constexpr auto log_keys = std::to_array<KeyRow>({
#define X(name, meaning) KeyRow{#name, meaning},
#include "observe/log_keys.def"
#undef X
});

/// The key of a field, checked against the vocabulary while compiling.
class Key {
  public:
    consteval Key(const char* name) : name_(name) {
        if (std::ranges::find(log_keys, name_, &KeyRow::name) == log_keys.end())
            throw "this key is not in observe/log_keys.def";
    }
    std::string_view name() const { return name_; }

  private:
    std::string_view name_;
};

/// What a line is about: lower-case words with dots, "delivery.attempted". Checked while
/// compiling, so that no data can end up in it.
class What {
  public:
    consteval What(const char* name) : name_(name) {
        if (!name_.contains('.')) throw "a log line is named area.what";
        for (const char c : name_)
            if (!(c >= 'a' && c <= 'z') && c != '.' && c != '_')
                throw "a log line is named in lower-case letters, _ and dots";
    }
    std::string_view name() const { return name_; }

  private:
    std::string_view name_;
};

template <typename T>
inline constexpr bool is_id = false;
template <typename Tag>
inline constexpr bool is_id<Id<Tag>> = true;
template <typename T>
inline constexpr bool is_duration = false;
template <typename Rep, typename Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;
template <typename T>
concept CharacterLike =
    std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
    std::same_as<T, char16_t> || std::same_as<T, char32_t>;

/// Text proper: not "anything that converts to text", so that a secret with a conversion, a path
/// or a body view is refused.
template <typename T>
concept LoggableText =
    std::same_as<T, std::string> || std::same_as<T, std::string_view> ||
    std::same_as<std::decay_t<T>, const char*> || std::same_as<std::decay_t<T>, char*>;

/// What may stand in a log line. Everything else does not compile: no bytes, no pointers, no
/// floating point, no secret.
template <typename T>
concept Loggable =
    LoggableText<T> || (std::integral<T> && !CharacterLike<T>) || is_id<T> || is_duration<T> ||
    std::same_as<T, Timestamp> || std::same_as<T, Error> || std::same_as<T, Errc>;

/// One `key: value` of a line. Borrows texts and errors: it lives only inside the logging call.
/// Building one costs a few stores, so that a filtered line costs next to nothing.
class Field {
  public:
    template <Loggable T>
    Field(Key key, const T& value) : key_(key) {
        if constexpr (LoggableText<T>)
            set_text(value);
        else if constexpr (std::same_as<T, bool>)
            set(Form::toggle, value ? 1 : 0);
        else if constexpr (std::unsigned_integral<T>)
            set_unsigned(value);
        else if constexpr (std::integral<T>)
            set(Form::whole_number, value);
        else if constexpr (is_id<T>)
            set_id(T::prefix, value.value);
        else if constexpr (std::same_as<T, Timestamp>)
            set(Form::time, to_ms(value));
        else if constexpr (std::same_as<T, Error>)
            set_error(value);
        else if constexpr (std::same_as<T, Errc>)
            set_text(blotter::to_text(value));
        else
            set(Form::duration,
                std::chrono::duration_cast<std::chrono::nanoseconds>(value).count());
    }

  private:
    friend class LineWriter;
    enum class Form : std::uint8_t {
        text,
        whole_number,
        natural,
        toggle,
        duration,
        time,
        id,
        error
    };

    void set(Form form, std::int64_t number) {
        form_ = form;
        number_ = number;
    }
    void set_unsigned(std::uint64_t number) {
        set(Form::natural, static_cast<std::int64_t>(number));
    }
    void set_text(std::string_view text) {
        form_ = Form::text;
        text_ = text;
    }
    void set_id(std::string_view prefix, const Uuid& id) {
        form_ = Form::id;
        text_ = prefix;
        id_ = &id;
    }
    void set_error(const Error& error) {
        form_ = Form::error;
        error_ = &error;
    }

    Key key_;
    Form form_ = Form::text;
    std::string_view text_;
    union {
        std::int64_t number_ = 0;
        const Uuid* id_;
        const Error* error_;
    };
};

using Fields = std::initializer_list<Field>;

/// Where finished lines go. Each call gets whole lines, every one ended by '\n'. A sink that is
/// shared by loggers on several threads says itself whether it may be (BackgroundSink may).
class LogSink {
  public:
    virtual ~LogSink() = default;
    virtual void write(std::string_view lines) = 0;
};

/// The wall clock. Called on whatever thread logs.
using NowFn = std::function<Timestamp()>;

/// Longest text of one field; the rest is cut and replaced by "…".
inline constexpr std::size_t log_text_bytes_max = 2'048;
/// Longest line: the size under which one write to a pipe is not torn apart on any system that
/// counts, and what log collectors take. Fields that do not fit are left out and counted.
inline constexpr std::size_t log_line_bytes_max = 16'384;

/// One line as it is written, '\n' at the end: valid UTF-8, exactly one '\n', no control
/// characters. JSON: {"at":"…","level":"info","what":"delivery.attempted","event":"evt_…"}.
std::string render_line(Format format, Level level, Timestamp at, What what, Fields fields);

/// Writes structured lines. Usable from every thread if its sink and clock are.
class Logger {
  public:
    struct Options {
        Level level = Level::info;
        Format format = Format::json;
    };
    Logger(Options options, LogSink& sink, NowFn now)
        : level_(options.level), format_(options.format), sink_(sink), now_(std::move(now)) {}
    Logger(const Logger&) = delete;
    Logger& operator=(const Logger&) = delete;

    bool writes(Level level) const { return level >= level_.load(std::memory_order_relaxed); }
    void set_level(Level level) { level_.store(level, std::memory_order_relaxed); }

    void debug(What what, Fields fields = {}) { write(Level::debug, what, fields); }
    void info(What what, Fields fields = {}) { write(Level::info, what, fields); }
    void warning(What what, Fields fields = {}) { write(Level::warning, what, fields); }
    void error(What what, Fields fields = {}) { write(Level::error, what, fields); }

  private:
    void write(Level level, What what, Fields fields) {
        if (writes(level)) emit(level, what, fields);
    }
    void emit(Level level, What what, Fields fields);

    std::atomic<Level> level_;
    Format format_;
    LogSink& sink_;
    NowFn now_;
};

/// Swallows a failure under a name: the line "error.ignored" says what and why it is harmless.
/// `reason` is a sentence of our own, never data.
template <typename T>
void ignore(const Result<T>& result, Logger& log, std::string_view reason) {
    if (!result) log.warning("error.ignored", {{"error", result.error()}, {"reason", reason}});
}

}  // namespace blotter::observe
