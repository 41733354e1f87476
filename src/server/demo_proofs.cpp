// The last chapters of the demo: what fails is retried, and what happened can be proven.
#include <filesystem>

#include "cli/ledger.hpp"
#include "cli/ledger_check.hpp"
#include "ledger/proof.hpp"
#include "server/demo_story.hpp"

namespace blotter::server {
namespace {

using Which = DemoReceivers::Which;

/// The second attempt of the default schedule: after 5 minutes, late by jitter, never early.
constexpr std::chrono::minutes step{5};

}  // namespace

Result<json::Value> DemoStory::delivery_of(std::string_view destination, std::string_view state) {
    const std::string query =
        fmt::format("/v1/deliveries?destination_id={}&event_id={}", destination, completed_);
    const auto ready = [state](const json::Value& page) {
        return text_at(page, "/data/0/state") == state;
    };
    TRY(const auto page, api_.wait_for(fmt::format("the delivery is {}", state), query, ready));
    return api_.get("/v1/deliveries/" + text_at(page, "/data/0/id"));
}

Result<> DemoStory::show_failing() {
    chapter("What became of \"Archive\", which is down");
    TRY(const auto delivery, delivery_of(destinations_[2], "retrying"));
    TRY(const auto first, parse_rfc3339(text_at(delivery, "/first_attempt_at")));
    TRY(const auto next, parse_rfc3339(text_at(delivery, "/next_attempt_at")));
    CHECK(expect(next - first >= step && next - first <= 2 * step,
                 "the next attempt is not due when the schedule says"));
    TRY(const auto webhooks, wait_for_webhooks(Which::archive, 1));
    done("attempt 1 at {}: answered {}", to_rfc3339(first), webhooks.front().answered);
    const auto delay = std::chrono::duration_cast<std::chrono::seconds>(next - first);
    done("next attempt at {}: {} min {} s after the first, late by jitter, never early",
         to_rfc3339(next), delay.count() / 60, delay.count() % 60);
    done("it goes on for 72 hours, then the delivery has failed and an alert is raised");
    return {};
}

Result<> DemoStory::prove_completed() {
    chapter("The proof that it happened");
    const auto leaf = events_.back().find("leaf")->as_int64().value_or(0);
    TRY(const auto checkpoint,
        api_.wait_for("a checkpoint covers the last event", "/v1/ledger/checkpoint",
                      [leaf](const json::Value& now) {
                          const json::Value* size = now.find("size");
                          return size != nullptr && size->as_int64().value_or(0) > leaf;
                      }));
    TRY(const auto key, ledger::NoteVerifier::parse(text_at(checkpoint, "/verifier_key")));
    const std::string note = text_at(checkpoint, "/note");
    TRY(const auto opened, ledger::open_checkpoint(note, key));
    done("checkpoint of {} entries, signed with\n      {}", opened.checkpoint.head.size,
         key.text());
    TRY(const std::string proof, api_.get_text("/v1/events/" + completed_ + "/proof"));
    TRY(const Bytes entry, ledger::verify_proof_text(proof, key));
    CHECK(expect(as_text(entry).contains(completed_), "the proof is about another event"));
    done("proof of {} verified against a signed checkpoint", completed_);
    return {};
}

Result<> DemoStory::verify_ledger() {
    chapter("The whole ledger, computed anew from its entries");
    TRY(const auto in, cli::Installation::open(place_.settings));
    TRY(const auto report, (cli::LedgerCheck{*in, {}}.run()));
    for (const cli::LedgerFinding& finding : report.findings)
        return fail(Errc::corrupt, describe(finding));
    done("{} logs, {} entries, the payloads of {} events: sound", report.logs, report.entries,
         report.events);
    namespace fs = std::filesystem;
    const fs::path folder = place_.settings.data.directory / "demo-export";
    std::error_code error;
    fs::remove_all(folder, error);
    cli::KeptConsole kept;
    CHECK(expect(
        cli::export_ledger(kept.console(), place_.settings, folder, workspace_) == cli::exit_ok,
        "the ledger cannot be exported: " + kept.text()));
    TRY(const auto checkpoint, api_.get("/v1/ledger/checkpoint"));
    const cli::ExportCheckOptions check{folder, {text_at(checkpoint, "/verifier_key")}};
    const bool sound = cli::verify_exports(kept.console(), check) == cli::exit_ok;
    fs::remove_all(folder, error);
    CHECK(expect(sound, "the export does not verify: " + kept.text()));
    done("an export of the workspace's log, verified with nothing but its key");
    return {};
}

}  // namespace blotter::server
