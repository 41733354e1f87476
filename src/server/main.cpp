#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "api/route.hpp"
#include "cli/arguments.hpp"
#include "cli/backup.hpp"
#include "cli/console.hpp"
#include "cli/descriptions.hpp"
#include "cli/doctor.hpp"
#include "cli/keys.hpp"
#include "cli/ledger.hpp"
#include "cli/listen.hpp"
#include "cli/trigger.hpp"
#include "server/demo.hpp"
#include "server/environment.hpp"
#include "server/serve.hpp"
#include "server/version.hpp"

namespace {

using namespace blotter;

constexpr const char* footer =
    R"(Settings are flags with a dot in their name, on every command that says so:
  --data.directory=DIR, --listen.address=0.0.0.0:8427, …
They also come from a file (--config FILE or BLOTTER_CONFIG) and from the environment
(BLOTTER_DATA_DIRECTORY=DIR). `blotter config explain` lists them all, with what is in force.

Exit status: 0 done, 1 failed or something was found, 2 the command line makes no sense,
70 (serve) the store failed under way.)";

/// The command line and what the chosen command needs. CLI11 calls back; `status` is the result.
class Program {
  public:
    Program(std::string name, cli::Arguments arguments)
        : name_(std::move(name)), settings_(std::move(arguments.settings)) {}

    int run(std::vector<std::string> words);

  private:
    using Configured = std::function<int(const config::Settings&)>;

    void add_serve();
    void add_demo();
    void add_ledger();
    void add_ledger_checks(CLI::App* ledger);
    void add_keys();
    void add_upkeep();
    void add_listen();
    void add_trigger();
    void add_descriptions();
    void add_config();

    /// A command that takes settings, and so --config.
    CLI::App* configured(CLI::App* command) {
        command->add_option("--config", config_file_, "Settings file (TOML)")->type_name("FILE");
        command->footer(
            "Takes settings too, such as --data.directory=DIR (blotter config explain).");
        takes_settings_.push_back(command);
        return command;
    }
    /// Runs `work` with the settings.
    void on(CLI::App* command, Configured work) {
        command->final_callback([this, work = std::move(work)] {
            const auto configuration = server::load_configuration(config_file_, settings_);
            if (!configuration) {
                status_ = console_.failed(configuration.error());
                return;
            }
            status_ = work(configuration->settings());
        });
    }
    bool takes_settings() const;

    CLI::App app_{
        "Blotter takes what happens to a document, writes it in a ledger that nobody can "
        "quietly\nrewrite, and carries it to where the business works."};
    cli::Console console_{stdout, stderr};
    std::string name_;
    std::vector<std::string> settings_;
    std::string config_file_;
    std::vector<CLI::App*> takes_settings_;
    int status_ = cli::exit_ok;
    cli::ListenOptions listen_;
    cli::TriggerOptions trigger_;
    cli::ExportCheckOptions export_check_;
    std::string subject_;  ///< the positional argument of the command
    std::string workspace_;
    std::string out_;
    std::string reason_;
    bool key_only_ = false;
    bool once_ = false;
};

void Program::add_serve() {
    CLI::App* serve = configured(app_.add_subcommand("serve", "Run the server until SIGTERM"));
    serve->final_callback([this] { status_ = server::serve(config_file_, settings_); });
}

void Program::add_demo() {
    CLI::App* demo = configured(app_.add_subcommand(
        "demo", "Play the way of a contract, from a signature to verified deliveries, then serve"));
    demo->add_flag("--once", once_, "End after the story; exit status 0 only if every step held");
    demo->final_callback([this] {
        using Ending = server::DemoOptions::Ending;
        status_ = server::demo(console_, {once_ ? Ending::once : Ending::keep_serving, config_file_,
                                          settings_, name_});
    });
}

void Program::add_listen() {
    CLI::App* listen =
        app_.add_subcommand("listen", "Receive webhooks: verify and print each one, until Ctrl-C");
    listen_.port = 8428;
    listen->add_option("--port", listen_.port, "Port; 0 takes a free one")->capture_default_str();
    listen->add_option("--host", listen_.host, "Address to listen on")->capture_default_str();
    listen
        ->add_option("--secret", listen_.receiver.secrets,
                     "Signing secret (whsec_…) or public key (whpk_…); up to four in a rotation. "
                     "Without one nothing is checked")
        ->type_name("TEXT");
    listen->add_option("--status", listen_.receiver.status, "Status of the answer")
        ->check(CLI::Range(200, 599))
        ->capture_default_str();
    listen
        ->add_option("--answer", listen_.receiver.answer,
                     R"(JSON body of the answer, such as {"accountingReferenceId":"A-1"})")
        ->type_name("JSON");
    listen
        ->add_option("--fail-first", listen_.receiver.fail_first,
                     "Answer the first N webhooks with 503, to see retries")
        ->type_name("N");
    listen->final_callback([this] { status_ = cli::listen(console_, listen_); });
}

void Program::add_trigger() {
    CLI::App* trigger =
        app_.add_subcommand("trigger", "Send a simulated event, to a server or to a receiver");
    trigger_.url = "http://127.0.0.1:8427";
    trigger->add_option("TYPE", trigger_.type, "Event type, such as envelope.completed")
        ->required()
        ->type_name("");
    trigger->add_option("--url", trigger_.url, "The server, or with --secret the receiver")
        ->capture_default_str();
    trigger->add_option("--key", trigger_.key, "API key (blt_…)")->envname("BLOTTER_API_KEY");
    trigger->add_option("--workspace", trigger_.workspace,
                        "Workspace (ws_…), with a key of the whole installation");
    trigger->add_option("--destination", trigger_.destination,
                        "Only to this destination (dst_…), without a trace in the ledger; shows "
                        "request, answer and time");
    trigger->add_option("--secret", trigger_.secret,
                        "Sign with this secret and send straight to --url, without a server");
    trigger->final_callback([this] { status_ = cli::trigger(console_, trigger_); });
}

void Program::add_descriptions() {
    CLI::App* openapi = app_.add_subcommand("openapi", "Print the OpenAPI 3.1 description");
    openapi->final_callback([this] {
        const json::Value document =
            api::make_openapi(api::all_route_groups(), server::version, "http://127.0.0.1:8427");
        console_.line("{}", json::to_pretty_text(document));
    });
    CLI::App* docs = app_.add_subcommand("docs", "Print a page of docs/ that is made from tables");
    docs->add_option("PAGE", subject_, "errors, events or settings")->required()->type_name("");
    docs->final_callback([this] { status_ = cli::print_page(console_, subject_); });
}

void Program::add_config() {
    CLI::App* config = app_.add_subcommand("config", "Explain the settings");
    config->require_subcommand(1);
    configured(config->add_subcommand(
                   "explain", "Every setting: value in force, where it came from, default, help"))
        ->final_callback([this] {
            const auto configuration = server::load_configuration(config_file_, settings_);
            if (!configuration) {
                status_ = console_.failed(configuration.error());
                return;
            }
            console_.raw(configuration->explain());
            for (const std::string& warning : configuration->warnings())
                console_.remark("warning: {}", warning);
        });
    config->add_subcommand("example", "Print a settings file with every setting, commented out")
        ->final_callback([this] { console_.raw(config::to_example_file()); });
}

void Program::add_ledger() {
    CLI::App* ledger =
        app_.add_subcommand("ledger", "Check, prove, export and sign off the ledger");
    ledger->require_subcommand(1);
    add_ledger_checks(ledger);
    CLI::App* exporting = configured(ledger->add_subcommand(
        "export", "Write every log as files that other software can check (C2SP tlog-tiles)"));
    exporting->add_option("DIR", subject_, "A new folder; each log gets one inside")
        ->required()
        ->type_name("");
    exporting->add_option("--workspace", workspace_, "Only this workspace (ws_…)");
    on(exporting, [this](const config::Settings& settings) {
        return cli::export_ledger(console_, settings, subject_, workspace_);
    });
    CLI::App* checkpoint = configured(
        ledger->add_subcommand("checkpoint", "Print the newest signed checkpoint (a signed note)"));
    checkpoint->add_option("--workspace", workspace_, "Of this workspace (ws_…), not the root log");
    checkpoint->add_flag("--key", key_only_, "Print the verifier key instead");
    on(checkpoint, [this](const config::Settings& settings) {
        return cli::show_checkpoint(
            console_, settings, workspace_,
            key_only_ ? cli::CheckpointPart::verifier_key : cli::CheckpointPart::note);
    });
    CLI::App* fork = configured(ledger->add_subcommand(
        "fork",
        "After a restored backup: close the logs that may not sign any more, and open new "
        "ones that say so. Stop the server first"));
    fork->add_option("--reason", reason_, "What happened; it stands in the ledger for ever")
        ->required();
    on(fork, [this](const config::Settings& settings) {
        return cli::fork_ledger(console_, settings, reason_);
    });
}

void Program::add_ledger_checks(CLI::App* ledger) {
    CLI::App* verify = configured(ledger->add_subcommand(
        "verify", "Compute the whole ledger anew and compare; also beside a running server"));
    verify->add_option("--export", export_check_.folder, "Check this export instead of the data")
        ->type_name("DIR");
    verify
        ->add_option("--key", export_check_.keys,
                     "Verifier key that you trust, for --export; the root log's stands for all")
        ->type_name("TEXT");
    verify->final_callback([this] {
        if (!export_check_.folder.empty()) {
            status_ = cli::verify_exports(console_, export_check_);
            return;
        }
        const auto configuration = server::load_configuration(config_file_, settings_);
        status_ = configuration ? cli::verify_ledger(console_, configuration->settings())
                                : console_.failed(configuration.error());
    });
    CLI::App* prove = configured(
        ledger->add_subcommand("prove", "Prove that an event is in the ledger (C2SP tlog-proof)"));
    prove->add_option("EVENT_ID", subject_, "evt_…")->required()->type_name("");
    prove->add_option("--out", out_, "Write the proof to this file")->type_name("FILE");
    on(prove, [this](const config::Settings& settings) {
        return cli::prove_event(console_, settings, subject_, out_);
    });
}

void Program::add_keys() {
    CLI::App* keys =
        app_.add_subcommand("keys", "The master key, which everything is sealed under");
    keys->require_subcommand(1);
    CLI::App* create = keys->add_subcommand("create", "Make a key file; `serve` does it too");
    create->add_option("FILE", subject_, "A new file")->required()->type_name("");
    create->final_callback([this] { status_ = cli::create_keys(console_, subject_); });
    on(configured(keys->add_subcommand(
           "rotate", "Begin the key file with a fresh key, and seal the other keys under it")),
       [this](const config::Settings& settings) { return cli::rotate_keys(console_, settings); });
    on(configured(keys->add_subcommand(
           "rewrap", "Seal the keys in the database under the current master key")),
       [this](const config::Settings& settings) { return cli::rewrap_keys(console_, settings); });
}

void Program::add_upkeep() {
    configured(app_.add_subcommand("doctor", "Look at everything that a start depends on"))
        ->final_callback([this] {
            status_ = cli::doctor(console_, server::load_configuration(config_file_, settings_));
        });
    CLI::App* backup = configured(app_.add_subcommand(
        "backup", "Copy the whole installation into a new folder; also beside a running server"));
    backup->add_option("DIR", subject_, "A new folder")->required()->type_name("");
    on(backup, [this](const config::Settings& settings) {
        return cli::back_up(console_, settings, subject_);
    });
}

bool Program::takes_settings() const {
    return std::ranges::any_of(takes_settings_, [](const CLI::App* command) {
        return command->parsed() && command->get_subcommands().empty();
    });
}

int Program::run(std::vector<std::string> words) {
    app_.set_version_flag("--version", "blotter " + std::string{server::version});
    app_.require_subcommand(1);
    app_.name("blotter");
    add_serve();
    add_demo();
    add_listen();
    add_trigger();
    add_ledger();
    add_config();
    add_keys();
    add_upkeep();
    add_descriptions();
    app_.footer(footer);
    if (!words.empty() && !words[0].starts_with('-') &&
        app_.get_subcommands([&](CLI::App* one) { return one->get_name() == words[0]; }).empty())
        return console_.misused(fmt::format("there is no command '{}'", words[0]));
    std::ranges::reverse(words);
    // Before any command runs: a setting that would be ignored is a mistake.
    app_.parse_complete_callback([this] {
        if (!settings_.empty() && !takes_settings())
            throw CLI::ParseError("this command takes no settings, so not " + settings_.front(),
                                  cli::exit_usage);
    });
    try {
        app_.parse(std::move(words));
    } catch (const CLI::ParseError& error) {
        return app_.exit(error) == 0 ? cli::exit_ok : cli::exit_usage;
    }
    return status_;
}

}  // namespace

// What nobody caught ends the program with its name, as the language has it.
int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape)
    cli::Arguments arguments = cli::split_arguments({argv + 1, argv + argc});
    std::vector<std::string> words = std::move(arguments.words);
    return Program{argv[0], std::move(arguments)}.run(std::move(words));
}
