#include "observe/log.hpp"

#include <array>
#include <fcntl.h>
#include <filesystem>
#include <future>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"
#include "observe/log_sinks.hpp"

namespace blotter::observe {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

struct SecretLike {
    operator std::string_view() const { return "hunter2"; }  // NOLINT: the trap under test
};
struct OpaqueSecret {};
static_assert(!Loggable<SecretLike>);
static_assert(!Loggable<OpaqueSecret>);
static_assert(!Loggable<ByteView>);
static_assert(!Loggable<Bytes>);
static_assert(!Loggable<std::filesystem::path>);
static_assert(!Loggable<void*>);
static_assert(!Loggable<double>);
static_assert(!Loggable<char>);
static_assert(Loggable<EventId> && Loggable<std::string> && Loggable<std::uint64_t>);
static_assert(Loggable<bool> && Loggable<std::chrono::nanoseconds> && Loggable<Timestamp>);

class MemorySink final : public LogSink {
  public:
    void write(std::string_view lines) override { text += lines; }
    std::string text;
};

Timestamp noon() {
    return *parse_rfc3339("2026-05-26T12:00:00.123Z");
}

std::string json_line(Fields fields) {
    return render_line(Format::json, Level::info, noon(), "test.line", fields);
}
std::string text_line(Fields fields) {
    return render_line(Format::text, Level::info, noon(), "test.line", fields);
}

TEST(LogLine, is_json_in_the_order_of_the_fields) {
    const EventId event = *EventId::parse("evt_01J9ZC3M4N0000000000000000");
    EXPECT_EQ(json_line({{"event", event},
                         {"attempt", 2},
                         {"outcome", "delivered"},
                         {"took_ms", 1'234'567ns},
                         {"next_at", noon()},
                         {"accepted", true},
                         {"size", ~std::uint64_t{0}}}),
              R"({"at":"2026-05-26T12:00:00.123Z","level":"info","what":"test.line",)"
              R"("event":"evt_01J9ZC3M4N0000000000000000","attempt":2,"outcome":"delivered",)"
              R"("took_ms":1.234,"next_at":"2026-05-26T12:00:00.123Z","accepted":true,)"
              R"("size":18446744073709551615})"
              "\n");
}

TEST(LogLine, is_readable_as_text) {
    EXPECT_EQ(text_line({{"attempt", -2}, {"reason", "disk is full"}, {"host", "a.example"}}),
              "2026-05-26T12:00:00.123Z info    test.line attempt=-2 reason=\"disk is full\" "
              "host=a.example\n");
    EXPECT_THAT(text_line({{"reason", ""}}), EndsWith("reason=\"\"\n"));
    EXPECT_THAT(text_line({{"reason", "a=b"}}), EndsWith("reason=\"a=b\"\n"));
}

TEST(LogLine, writes_durations_as_milliseconds) {
    const std::pair<std::chrono::nanoseconds, const char*> cases[] = {
        {0ns, "0.000"},       {999ns, "0.000"},
        {1us, "0.001"},       {2h, "7200000.000"},
        {-1'500us, "-1.500"}, {std::chrono::nanoseconds::min(), "-9223372036854.775"}};
    for (const auto& [took, text] : cases)
        EXPECT_THAT(json_line({{"took_ms", took}}), HasSubstr(std::string{":"} + text + "}"));
}

TEST(LogLine, names_an_error_with_its_words) {
    const Error error{Errc::timeout, "no answer in 30s"};
    EXPECT_THAT(json_line({{"error", error}, {"code", Errc::timeout}}),
                HasSubstr(R"("error":"timeout: no answer in 30s","code":"timeout")"));
}

TEST(LogLine, stays_one_line_of_utf8_whatever_the_data) {
    const std::string cases[] = {
        "a\nb",
        "a\r\nb",
        std::string{"nul\0nul", 7},
        "\x1b[31mred\x1b[0m\x07",
        "quote\" back\\slash",
        "\x7f\xc2\x85\xc2\x9b",                    // DEL, NEL, CSI
        "\xe2\x80\xa8 \xe2\x80\xa9",               // U+2028, U+2029
        "\xe2\x80\xae txt.exe \xe2\x81\xa6",       // direction override and isolate
        "\xef\xbb\xbf",                            // byte order mark
        "\xff\xfe broken \xc3",                    // not UTF-8, cut short
        "\xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80",  // overlong, surrogate, past U+10FFFF
        "café 合同 😀",
    };
    for (const std::string& data : cases) {
        for (const std::string& line :
             {json_line({{"reason", data}}), text_line({{"reason", data}})}) {
            EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
            EXPECT_FALSE(find_invalid_utf8(line)) << line;
            for (const char c : line.substr(0, line.size() - 1)) EXPECT_FALSE(c >= 0 && c < ' ');
            for (const char* hostile :
                 {"\x7f", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xae", "\xef\xbb\xbf"})
                EXPECT_EQ(line.find(hostile), std::string::npos) << line;
        }
        EXPECT_TRUE(json::parse(json_line({{"reason", data}}))) << json_line({{"reason", data}});
    }
    EXPECT_THAT(json_line({{"reason", "café 合同 😀"}}), HasSubstr("café 合同 😀"));
    EXPECT_THAT(json_line({{"reason", "a\x1b\xff"}}), HasSubstr("a\\u001b\xef\xbf\xbd"));
}

TEST(LogLine, survives_every_two_byte_text) {
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; second += 3) {
            const std::string data{static_cast<char>(first), static_cast<char>(second)};
            const std::string line = json_line({{"reason", data}});
            ASSERT_EQ(line.find('\n'), line.size() - 1);
            ASSERT_TRUE(json::parse(line)) << first << " " << second;
        }
    }
}

TEST(LogLine, cuts_long_texts_between_characters) {
    const std::string line = json_line({{"reason", std::string(2'047, 'a') + "é and more"}});
    EXPECT_THAT(line, EndsWith("a…\"}\n"));
    EXPECT_FALSE(find_invalid_utf8(line));
}

TEST(LogLine, leaves_out_fields_that_do_not_fit) {
    const std::string hostile(2'048, '\x01');  // six characters each when escaped
    const std::string line = json_line({{"reason", hostile}, {"detail", hostile}, {"count", 7}});
    EXPECT_LE(line.size(), log_line_bytes_max);
    EXPECT_TRUE(json::parse(line));
    EXPECT_THAT(line, EndsWith("\"count\":7,\"fields_left_out\":1}\n"));
}

TEST(Logger, writes_only_from_its_level_up) {
    MemorySink sink;
    int clock_reads = 0;
    Logger log{{.level = Level::warning, .format = Format::text}, sink, [&] {
                   ++clock_reads;
                   return noon();
               }};
    log.debug("test.debug");
    log.info("test.info", {{"count", 1}});
    EXPECT_EQ(clock_reads, 0);
    log.warning("test.warning");
    log.error("test.error");
    log.set_level(Level::debug);
    log.debug("test.debug");
    EXPECT_EQ(sink.text,
              "2026-05-26T12:00:00.123Z warning test.warning\n"
              "2026-05-26T12:00:00.123Z error   test.error\n"
              "2026-05-26T12:00:00.123Z debug   test.debug\n");
}

TEST(Logger, counts_a_swallowed_failure_as_a_line) {
    MemorySink sink;
    Logger log{{}, sink, noon};
    ignore(Result<int>{3}, log, "unused");
    EXPECT_EQ(sink.text, "");
    ignore(Result<int>{fail(Errc::gone, "x")}, log, "a hint only");
    EXPECT_THAT(sink.text,
                HasSubstr(R"("what":"error.ignored","error":"gone: x","reason":"a hint only")"));
}

/// A sink that stands still until it is let go, so that a queue can be filled at leisure.
class GatedSink final : public LogSink {
  public:
    void write(std::string_view lines) override {
        if (!reached) {
            reached = true;
            at_gate.set_value();
        }
        gate.wait();
        text += lines;
    }
    bool reached = false;
    std::promise<void> at_gate;
    std::promise<void> open;
    std::shared_future<void> gate = open.get_future().share();
    std::string text;
};

TEST(BackgroundSink, writes_everything_in_order_before_it_ends) {
    MemorySink memory;
    std::string expected;
    {
        BackgroundSink sink{{.queue_bytes_max = 1 << 20}, memory, noon};
        for (int i = 0; i < 2'000; ++i) {
            const std::string line = "line " + std::to_string(i) + "\n";
            expected += line;
            sink.write(line);
        }
        EXPECT_EQ(sink.dropped(), 0U);
    }
    EXPECT_EQ(memory.text, expected);
}

TEST(BackgroundSink, drops_and_counts_what_does_not_fit_and_says_so) {
    GatedSink gated;
    {
        BackgroundSink sink{{.queue_bytes_max = 100, .format = Format::text}, gated, noon};
        sink.write("first\n");
        gated.at_gate.get_future().wait();  // the writer is busy; from here on lines pile up
        const std::string line = std::string(49, 'x') + "\n";
        for (int i = 0; i < 5; ++i) sink.write(line);
        EXPECT_EQ(sink.dropped(), 3U);
        gated.open.set_value();
        sink.flush();
        EXPECT_THAT(gated.text, AllOf(testing::StartsWith("first\n"), HasSubstr(line + line),
                                      HasSubstr("log.dropped lost=3\n")));
        sink.write("after\n");
    }
    EXPECT_THAT(gated.text, EndsWith("after\n"));
}

TEST(BackgroundSink, takes_whole_lines_from_many_threads) {
    MemorySink memory;
    {
        BackgroundSink sink{{.queue_bytes_max = 1 << 20}, memory, noon};
        std::vector<std::jthread> threads;
        for (const char mark : {'a', 'b', 'c', 'd'})
            threads.emplace_back([&sink, mark] {
                const std::string line = std::string(30, mark) + "\n";
                for (int i = 0; i < 500; ++i) sink.write(line);
            });
        threads.clear();
        sink.flush();
    }
    ASSERT_EQ(memory.text.size(), 4U * 500 * 31);
    for (std::size_t at = 0; at < memory.text.size(); at += 31)
        ASSERT_EQ(memory.text.substr(at, 31), std::string(30, memory.text[at]) + "\n");
}

TEST(DescriptorSink, writes_whole_batches_to_a_pipe_that_is_full_at_first) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_NONBLOCK), 0);
    const std::string batch(300'000, 'x');  // several times what a pipe holds
    std::string got;
    std::jthread reader{[&] {
        std::array<char, 65'536> buffer{};
        while (got.size() < batch.size()) {
            const ssize_t n = read(ends[0], buffer.data(), buffer.size());
            if (n > 0)
                got.append(buffer.data(), static_cast<std::size_t>(n));
            else
                std::this_thread::yield();
        }
    }};
    DescriptorSink sink{ends[1]};
    sink.write(batch);
    reader.join();
    EXPECT_EQ(got, batch);
    EXPECT_EQ(sink.failed(), 0U);
    close(ends[0]);
    close(ends[1]);
}

TEST(DescriptorSink, counts_what_cannot_be_written) {
    DescriptorSink sink{-1};
    sink.write("lost\n");
    EXPECT_EQ(sink.failed(), 1U);
}

TEST(Vocabulary, is_sorted_unique_and_in_snake_case) {
    for (std::size_t i = 0; i < log_keys.size(); ++i) {
        EXPECT_FALSE(log_keys[i].meaning.empty());
        EXPECT_EQ(log_keys[i].name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"),
                  std::string_view::npos);
        if (i > 0) EXPECT_LT(log_keys[i - 1].name, log_keys[i].name);
    }
}

}  // namespace
}  // namespace blotter::observe
