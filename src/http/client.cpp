#include "http/client.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/invariant.hpp"
#include "http/exchange.hpp"

namespace blotter::http {
namespace {

constexpr std::size_t host_bytes_max = 253;
constexpr std::size_t target_bytes_max = 8 * 1024;

bool is_dns_name(std::string_view host) {
    const bool letters = std::ranges::all_of(host, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    });
    return letters && !host.empty() && host.size() <= host_bytes_max && !host.starts_with('.') &&
           !host.ends_with('.') && !host.contains("..");
}

}  // namespace

Result<std::shared_ptr<const Origin>> Origin::make(OriginOptions options) {
    for (char& c : options.host)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    std::shared_ptr<Origin> origin{new Origin};
    boost::system::error_code not_an_address;
    const auto address = boost::asio::ip::make_address(options.host, not_an_address);
    if (!not_an_address && !options.host.contains('%')) {
        origin->address_ = address;
    } else if (!is_dns_name(options.host)) {
        return fail(Errc::invalid_argument, "'" + options.host.substr(0, 300) +
                                                "' is neither a host name nor an IP address");
    }
    if (options.port == 0) return fail(Errc::invalid_argument, "0 is no port");
    const bool secure = options.scheme == Scheme::https;
    origin->host_field_ =
        address.is_v6() && !not_an_address ? "[" + options.host + "]" : options.host;
    if (options.port != (secure ? 443 : 80))
        origin->host_field_ += ":" + std::to_string(options.port);
    // Everything on which the right to use a connection depends.
    origin->pool_key_ = secure ? "https|" : "http|";
    origin->pool_key_ += options.host + "|" + std::to_string(options.port);
    if (secure) {
        origin->pool_key_ += options.tls_min == runtime::TlsVersion::tls_1_2 ? "|2|" : "|3|";
        if (!options.ca_pem.empty()) origin->pool_key_ += to_hex(sha256(options.ca_pem));
    }
    origin->pool_key_ += "|" + options.session_key;
    origin->options_ = std::move(options);
    return origin;
}

Result<std::string> Origin::make_head(Method method, std::string_view target) const {
    const bool visible =
        std::ranges::all_of(target, [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
    if (!target.starts_with('/') || !visible || target.size() > target_bytes_max)
        return fail(Errc::invalid_argument,
                    "the path must start with /, be percent-encoded and have at most 8192 bytes");
    std::string head{to_text(method)};
    head.append(" ").append(target).append(" HTTP/1.1\r\nhost: ").append(host_field_);
    head += "\r\n";
    return head;
}

void append_field(std::string& fields, std::string_view name, std::string_view value) {
    INVARIANT(is_token(name));
    fields.append(name).append(": ");
    if (is_field_value(value))
        fields.append(value);
    else
        for (const char c : value) fields += is_field_value({&c, 1}) ? c : ' ';
    fields += "\r\n";
}

std::string_view to_text(Stage stage) {
    static constexpr std::array<std::string_view, 7> names{"resolve", "vet",  "connect", "tls",
                                                           "write",   "head", "body"};
    return names[static_cast<std::size_t>(stage)];
}

std::string_view to_text(BodyEnd end) {
    static constexpr std::array<std::string_view, 5> names{"complete", "cut", "broken", "malformed",
                                                           "too_slow"};
    return names[static_cast<std::size_t>(end)];
}

Client::Client(runtime::Loop& loop, runtime::Network& network, runtime::Resolver& resolver,
               ClientOptions options)
    : loop_(loop),
      network_(network),
      resolver_(resolver),
      pool_(std::make_shared<Pool>(loop, options)) {}

Client::~Client() = default;

runtime::Task<Client::Outcome> Client::exchange(Exchange what) {
    INVARIANT(what.check && what.origin && what.request.head);
    return ExchangeRun::run({loop_, network_, resolver_, *pool_}, std::move(what));
}

void Client::drop_idle() {
    pool_->drop_all();
}

void Client::drop_idle(const Origin& origin) {
    pool_->drop(origin.pool_key());
}

std::size_t Client::idle() const {
    return pool_->size();
}

void Client::cut() {
    pool_->is_cut = true;
    pool_->drop_all();
    for (Running& run : pool_->running())
        if (run.connection && run.connection->stream) run.connection->stream->close();
}

}  // namespace blotter::http
