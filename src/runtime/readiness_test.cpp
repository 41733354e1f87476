#include "runtime/readiness.hpp"

#include <array>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "runtime/loop.hpp"
#include "runtime/start.hpp"

namespace blotter::runtime {
namespace {

using boost::system::error_code;
using Way = WatchedSocket::Way;

/// A watched socket and its other end, which is the test's own.
struct Ends {
    explicit Ends(Loop& loop) {
        std::array<int, 2> made{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, made.data()),
                  0);
        watched.emplace(loop, made[0]);
        EXPECT_FALSE(watched->watch(WatchedSocket::Connected::yes));
        other = made[1];
    }
    Ends(const Ends&) = delete;
    Ends& operator=(const Ends&) = delete;
    ~Ends() { end(); }
    void end() {
        if (other >= 0) ::close(std::exchange(other, -1));
    }
    void say(std::string_view text) const {
        EXPECT_EQ(::write(other, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    /// What is there now, or why nothing is.
    std::string hear(std::size_t at_most = 100) {
        std::string text(at_most, '\0');
        error_code error;
        const auto got = watched->receive(text, error);
        if (error) return "error";
        if (!got) return "not yet";
        return *got == 0 ? "end" : text.substr(0, *got);
    }
    /// Until the system takes no more.
    std::size_t fill() {
        const std::string piece(64 * 1024, 'x');
        const std::string_view part{piece};
        std::size_t total = 0;
        error_code error;
        while (const auto sent = watched->send({&part, 1}, error)) total += *sent;
        return total;
    }

    std::optional<WatchedSocket> watched;
    int other = -1;
};

struct ReadinessTest : testing::Test {
    SystemClock clock;
    Loop loop{clock};
    std::string told;

    void wait(Ends& ends, Way way, std::string name) {
        start(loop.executor(), wait_for(ends, way, std::move(name)));
    }
    Task<> wait_for(Ends& ends, Way way, std::string name) {
        const bool open = co_await ends.watched->ready(way);
        told += name + (open ? " " : "! ");
    }
};

TEST_F(ReadinessTest, gives_what_is_there_and_says_when_nothing_is) {
    Ends ends{loop};
    EXPECT_EQ(ends.hear(), "not yet");
    ends.say("one");
    EXPECT_EQ(ends.hear(), "not yet") << "the loop has not heard of it";
    loop.poll();
    EXPECT_EQ(ends.hear(2), "on");
    EXPECT_EQ(ends.hear(2), "e");
    ends.say("two");
    EXPECT_EQ(ends.hear(), "not yet") << "who got less than he asked for asks no more";
    loop.poll();
    EXPECT_EQ(ends.hear(), "two");
}

TEST_F(ReadinessTest, an_end_comes_after_the_last_byte) {
    Ends ends{loop};
    EXPECT_EQ(ends.hear(), "not yet");
    ends.say("last");
    ends.end();
    loop.poll();
    EXPECT_FALSE(ends.watched->is_quiet());
    EXPECT_EQ(ends.hear(), "last");
    EXPECT_EQ(ends.hear(), "end");
    EXPECT_EQ(ends.hear(), "end");
}

TEST_F(ReadinessTest, what_filled_its_buffer_tells_nothing_of_more) {
    Ends ends{loop};
    ends.say("four");
    EXPECT_EQ(ends.hear(4), "four");
    EXPECT_TRUE(ends.watched->is_quiet());
    ends.say("more");
    loop.poll();
    EXPECT_FALSE(ends.watched->is_quiet());
}

TEST_F(ReadinessTest, lets_all_go_on_who_wait_for_what_has_come) {
    Ends first{loop};
    Ends second{loop};
    Ends silent{loop};
    for (Ends* ends : {&first, &second, &silent}) EXPECT_EQ(ends->hear(), "not yet");
    wait(first, Way::read, "first");
    wait(second, Way::read, "second");
    wait(silent, Way::read, "silent");
    loop.poll();
    EXPECT_EQ(told, "");
    second.say("2");
    first.say("1");
    loop.poll();
    EXPECT_EQ(told, "second first ");
    silent.watched->close();
    EXPECT_EQ(told, "second first ") << "not in the middle of whatever closes it";
    loop.poll();
    EXPECT_EQ(told, "second first silent! ");
}

TEST_F(ReadinessTest, a_write_goes_on_when_the_other_side_has_read) {
    Ends ends{loop};
    const std::size_t sent = ends.fill();
    EXPECT_EQ(ends.hear(), "not yet");
    wait(ends, Way::write, "write");
    wait(ends, Way::read, "read");
    loop.poll();
    EXPECT_EQ(told, "");
    std::string thrown(sent, '\0');
    ends.say("and both at once");
    for (std::size_t read = 0; read < sent;) {
        const ssize_t got = ::read(ends.other, thrown.data(), thrown.size());
        ASSERT_GT(got, 0);
        read += static_cast<std::size_t>(got);
    }
    loop.poll();
    EXPECT_TRUE(told == "read write " || told == "write read ") << told;
    EXPECT_GT(ends.fill(), 0U);
}

TEST_F(ReadinessTest, who_goes_on_may_close_others_that_were_heard_of) {
    Ends first{loop};
    Ends second{loop};
    for (Ends* ends : {&first, &second}) EXPECT_EQ(ends->hear(), "not yet");
    const auto end_other = [](Ends& mine, Ends& other, std::string& told) -> Task<> {
        const bool open = co_await mine.watched->ready(Way::read);
        told += open ? "open " : "closed ";
        other.watched.reset();
    };
    start(loop.executor(), end_other(first, second, told));
    first.say("1");
    second.say("2");
    loop.poll();
    EXPECT_EQ(told, "open ");
    EXPECT_FALSE(second.watched);
}

TEST_F(ReadinessTest, a_loop_that_goes_ends_who_waits) {
    struct Notes {
        explicit Notes(std::string& text) : told(text) {}
        Notes(const Notes&) = delete;
        Notes& operator=(const Notes&) = delete;
        ~Notes() { told += "gone "; }
        std::string& told;
    };
    const auto wait_for_ever = [](Loop& where, std::string& told) -> Task<> {
        const Notes notes{told};
        Ends ends{where};
        EXPECT_EQ(ends.hear(), "not yet");
        (void)co_await ends.watched->ready(Way::read);
        told += "woken ";
    };
    {
        Loop other{clock};
        start(other.executor(), wait_for_ever(other, told));
        start(other.executor(), wait_for_ever(other, told));
        other.poll();
        EXPECT_EQ(told, "");
    }
    EXPECT_EQ(told, "gone gone ");
}

TEST_F(ReadinessTest, a_descriptor_that_cannot_be_watched_is_an_error) {
    WatchedSocket file{loop, ::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    ASSERT_TRUE(file.is_open());
    EXPECT_TRUE(file.watch(WatchedSocket::Connected::yes));
}

}  // namespace
}  // namespace blotter::runtime
