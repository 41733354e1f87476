#include "server/demo.hpp"

#include <filesystem>
#include <optional>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>

#include "observe/log_sinks.hpp"
#include "runtime/clock.hpp"
#include "runtime/disk.hpp"
#include "runtime/system_network.hpp"
#include "server/data_directory.hpp"
#include "server/demo_receivers.hpp"
#include "server/demo_story.hpp"
#include "server/environment.hpp"
#include "server/node.hpp"
#include "server/version.hpp"

namespace blotter::server {
namespace {

namespace fs = std::filesystem;

constexpr int exit_store_failed = 70;

/// SIGINT and SIGTERM are waited for, or looked for between two steps, and reach no thread.
class Interrupts {
  public:
    Interrupts() {
        ::sigemptyset(&set_);
        for (const int number : {SIGINT, SIGTERM}) ::sigaddset(&set_, number);
        ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        ::signal(SIGPIPE, SIG_IGN);
    }
    bool is_pending() const {
        sigset_t waiting;
        ::sigpending(&waiting);
        return ::sigismember(&waiting, SIGINT) == 1 || ::sigismember(&waiting, SIGTERM) == 1;
    }
    void wait() const {
        int number = 0;
        ::sigwait(&set_, &number);
    }

  private:
    sigset_t set_{};
};

/// A folder that goes when the demo goes.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = (fs::temp_directory_path() / "blotter-demo-XXXXXX").string();
        if (::mkdtemp(name.data()) != nullptr) path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code error;
        if (!path_.empty()) fs::remove_all(path_, error);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

bool is_free(const config::HostPort& address) {
    boost::system::error_code error;
    const auto ip = boost::asio::ip::make_address(address.host, error);
    if (error) return true;  // the server says what is wrong with it
    runtime::SystemClock clock;
    runtime::Loop loop{clock};
    runtime::SystemNetwork network{loop};
    return network.listen({.at = {ip, address.port}}).has_value();
}

struct Prepared {
    std::optional<config::Configuration> configuration;
    std::unique_ptr<TemporaryFolder> folder;
};

/// The settings, with what a demo needs where nothing else was asked for.
Result<Prepared> prepare(cli::Console& console, const DemoOptions& options) {
    TRY(const auto given, load_configuration(options.config_file, options.flags));
    Prepared out;
    std::vector<std::string> flags = options.flags;
    const auto otherwise = [&](std::string_view name, std::string_view value) {
        if (given.given(name)->origin == config::Origin::by_default)
            flags.push_back(fmt::format("--{}={}", name, value));
    };
    otherwise("egress.http_allowed", "true");
    otherwise("egress.allow", "127.0.0.1/32");
    otherwise("development.enabled", "true");
    otherwise("log.level", "error");
    otherwise("log.format", "text");
    otherwise("ledger.origin", "demo.blotter.example");
    if (given.given("data.directory")->origin == config::Origin::by_default) {
        out.folder = std::make_unique<TemporaryFolder>();
        if (out.folder->path().empty())
            return fail(Errc::storage_failed,
                        "cannot make a folder for the demo in the system's temporary folder: name "
                        "one with --data.directory=DIR");
        flags.push_back("--data.directory=" + (out.folder->path() / "data").string());
    }
    const config::HostPort& address = given.settings().listen.address;
    if (address.port != 0 && !is_free(address)) {
        console.line("{} is taken, so a free port is used.", config::to_text(address));
        flags.push_back("--listen.address=" + config::to_text({address.host, 0}));
    }
    TRY(out.configuration, load_configuration(options.config_file, flags));
    return out;
}

Result<std::string> read_owner_key(const DataPaths& paths) {
    const auto disk = runtime::make_system_disk();
    const auto text = disk->read_all(paths.owner_key(), 1'024);
    if (!text)
        return fail(Errc::not_found,
                    fmt::format("{}; the demo needs the owner's key: use another --data.directory",
                                text.error().detail));
    return text->substr(0, text->find('\n'));
}

/// A word of a shell's command line.
std::string quoted(const std::string& word) {
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+=:@,";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
    std::string out = "'";
    for (const char c : word) out += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
    return out + "'";
}

/// The program as another terminal finds it: by its name when it was found by its name.
std::string command_of(const std::string& program) {
    if (!program.contains('/')) return quoted(program);
    std::error_code error;
    const fs::path whole = fs::absolute(program, error);
    return quoted(error ? program : whole.lexically_normal().string());
}

void say_addresses(cli::Console& console, const Node& node, const DataPaths& paths,
                   const DemoOptions& options, const std::string& workspace) {
    const std::string url = node.public_url();
    console.line("\nThe addresses");
    console.line("  API            {}/v1", url);
    console.line("  Description    {}/openapi.json", url);
    console.line("  Metrics        {}/metrics", url);
    console.line("  Owner's key    {}", paths.owner_key().string());
    console.line("  Data           {}", paths.root.string());
    if (workspace.empty()) return;
    console.line("\nTry, in another terminal");
    console.line("  curl -H \"Authorization: Bearer $(cat {})\" \\",
                 quoted(paths.owner_key().string()));
    console.line("       -H 'Blotter-Workspace: {}' {}/v1/events", workspace, url);
    console.line("  {} ledger verify --data.directory={}", command_of(options.program),
                 quoted(fs::absolute(paths.root).string()));
}

/// Plays and serves; gives the exit status.
Result<int> run(cli::Console& console, const DemoOptions& options, const Interrupts& interrupts) {
    TRY(const auto prepared, prepare(console, options));
    const config::Settings& settings = prepared.configuration->settings();
    const runtime::SystemClock clock;
    const auto now = [&clock] { return clock.wall(); };
    observe::DescriptorSink descriptor{2};
    observe::BackgroundSink sink{{settings.log.queue_bytes_max}, descriptor, now};
    const auto level = settings.log.level == config::LogLevel::error     ? observe::Level::error
                       : settings.log.level == config::LogLevel::warning ? observe::Level::warning
                                                                         : observe::Level::info;
    const auto format = settings.log.format == config::LogFormat::json ? observe::Format::json
                                                                       : observe::Format::text;
    observe::Logger log{{level, format}, sink, now};
    TRY(const auto receivers, DemoReceivers::start());
    const auto machine = make_machine();
    TRY(const auto node, Node::open({settings, log, std::string{version}, *machine, [&sink] {
                                         sink.flush();
                                         ::_exit(exit_store_failed);
                                     }}));
    CHECK(node->start());
    const DataPaths paths{settings.data.directory};
    console.line(
        "Blotter {} serves at {}. The way of a contract, from a signature to verified "
        "deliveries:",
        version, node->public_url());
    TRY(std::string owner_key, read_owner_key(paths));
    DemoStory story{{console, *receivers, settings, node->public_url(), std::move(owner_key)}};
    story.api().is_interrupted = [&interrupts] { return interrupts.is_pending(); };
    const auto played = story.play();
    if (!played) console.line("  ✗ {}", played.error().detail);
    console.line("\n{}", played ? "✓ every step held" : "✗ the story broke off here");
    if (options.ending == DemoOptions::Ending::keep_serving) {
        say_addresses(console, *node, paths, options, story.workspace());
        console.line("\nBlotter keeps serving. Ctrl-C ends it{}.",
                     prepared.folder ? " and removes its data" : "");
        interrupts.wait();
    }
    node->stop();
    sink.flush();
    return played ? cli::exit_ok : cli::exit_failed;
}

}  // namespace

int demo(cli::Console& console, const DemoOptions& options) {
    const Interrupts interrupts;
    const auto done = run(console, options, interrupts);
    return done ? *done : console.failed(done.error());
}

}  // namespace blotter::server
