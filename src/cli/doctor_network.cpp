#include <set>

#include <boost/asio/ip/address.hpp>

#include "cli/doctor.hpp"
#include "cli/http_call.hpp"
#include "cli/installation.hpp"
#include "runtime/system_network.hpp"
#include "runtime/system_resolver.hpp"
#include "runtime/task_group.hpp"
#include "security/url.hpp"
#include "store/tables/destinations.hpp"

namespace blotter::cli {
namespace {

constexpr std::size_t names_max = 5;
constexpr std::size_t destinations_max = 1'000;

/// Whether a server answers there.
bool is_answered(const std::string& address) {
    const auto answer = HttpCaller{}.call(
        {.url = "http://" + address + "/healthz", .timeout = std::chrono::seconds{3}});
    return answer && answer->is_success();
}

Diagnosis look_at_address(const config::Settings& settings) {
    constexpr const char* name = "listen address";
    const auto disk = runtime::make_system_disk();
    const InstallationPaths paths{settings.data.directory};
    if (const auto left = disk->read_all(paths.address(), 256)) {
        const std::string address = left->substr(0, left->find('\n'));
        if (is_answered(address))
            return {Health::ok, name, fmt::format("a server answers at {}", address)};
    }
    const std::string wanted = config::to_text(settings.listen.address);
    boost::system::error_code error;
    const auto ip = boost::asio::ip::make_address(settings.listen.address.host, error);
    if (error) return {Health::failure, name, fmt::format("'{}' is no IP address", wanted)};
    runtime::SystemClock clock;
    runtime::Loop loop{clock};
    runtime::SystemNetwork network{loop};
    const auto acceptor = network.listen({.at = {ip, settings.listen.address.port}});
    if (acceptor) return {Health::ok, name, wanted + " is free"};
    if (is_answered(wanted))
        return {Health::warning, name,
                fmt::format("another Blotter answers at {}: give this one an address of its own "
                            "with listen.address",
                            wanted)};
    return {Health::failure, name, acceptor.error().detail + ": choose another listen.address"};
}

Diagnosis look_at_certificate(const config::Settings& settings) {
    constexpr const char* name = "certificate";
    const auto& chain = settings.listen.tls_certificate;
    if (chain.empty()) return {Health::ok, name, "TLS is off: a proxy has to do it"};
    const auto usable =
        runtime::check_certificates({chain.string(), settings.listen.tls_key.string()});
    if (!usable) return {Health::failure, name, usable.error().detail};
    return {Health::ok, name, chain.string()};
}

/// The host names of enabled destinations, a few of them.
std::set<std::string> receiver_names(Installation& in) {
    std::set<std::string> out;
    const auto rows = store::list_all_destinations(in.db(), 0, destinations_max);
    if (!rows) return out;
    for (const store::DestinationRow& row : rows->rows) {
        const auto config = json::parse(row.config);
        const json::Value* text = config ? config->find("url") : nullptr;
        if (text == nullptr || text->as_string() == nullptr) continue;
        const auto url = security::parse_url(*text->as_string());
        if (url && !url->address && out.size() < names_max) out.insert(url->host);
    }
    return out;
}

Result<std::size_t> resolve(const std::string& host, const config::Settings& settings) {
    const Duration time = settings.dns.timeout;
    runtime::SystemClock clock;
    runtime::Loop loop{clock};
    runtime::SystemResolverOptions options{.time_max = time};
    for (const config::HostPort& server : settings.dns.servers)
        options.servers.push_back(config::to_text(server));
    TRY(const auto resolver, runtime::SystemResolver::open(loop, std::move(options)));
    Result<std::size_t> out = fail(Errc::internal, "the look-up broke off");
    runtime::TaskGroup tasks{loop};
    const auto ask = [](runtime::Resolver& resolver, runtime::Loop& loop, std::string host,
                        Duration time, Result<std::size_t>& out) -> runtime::Task<> {
        const auto found = co_await resolver.resolve(std::move(host), loop.now() + time);
        if (found)
            out = found->size();
        else
            out = pass(found.error());
        loop.stop();
    };
    tasks.on_failure = [&loop](std::exception_ptr) { loop.stop(); };
    tasks.spawn(ask(*resolver, loop, host, time, out));
    loop.run();
    return out;
}

std::vector<Diagnosis> look_at_names(const config::Settings& settings) {
    constexpr const char* name = "name look-up";
    std::set<std::string> names;
    if (const auto in = Installation::open(settings)) names = receiver_names(**in);
    if (names.empty()) return {{Health::ok, name, "no receiver has a host name: nothing to ask"}};
    std::vector<Diagnosis> out;
    for (const std::string& host : names) {
        const auto found = resolve(host, settings);
        if (found)
            out.push_back({Health::ok, name, fmt::format("{}: {} addresses", host, *found)});
        else
            out.push_back({Health::warning, name,
                           fmt::format("{}: {} (see dns.servers and /etc/resolv.conf)", host,
                                       found.error().detail)});
    }
    return out;
}

}  // namespace

std::vector<Diagnosis> diagnose_network(const config::Settings& settings) {
    std::vector<Diagnosis> out{look_at_address(settings), look_at_certificate(settings)};
    for (Diagnosis& one : look_at_names(settings)) out.push_back(std::move(one));
    return out;
}

}  // namespace blotter::cli
