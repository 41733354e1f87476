// Keys and tokens as people paste them: webhook secrets, key files, API keys, secure links.
#include <algorithm>

#include "fuzz/target.hpp"
#include "security/api_key.hpp"
#include "security/header_rules.hpp"
#include "security/key_file.hpp"
#include "security/webhook_secret.hpp"

namespace blotter::fuzz {
namespace {

using namespace security;

/// Of what is secret, at most this many bytes in a row may be seen. A row with few digits and
/// capitals may be prose, which the message and the input have in common by chance.
constexpr std::size_t shown_bytes_max = 15;

void check_not_shown(std::string_view message, std::string_view secret) {
    const auto is_random = [](unsigned char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
    };
    for (std::size_t at = 0; at + shown_bytes_max < secret.size(); ++at) {
        const std::string_view part = secret.substr(at, shown_bytes_max + 1);
        INVARIANT(std::ranges::count_if(part, is_random) < 8 || !message.contains(part));
    }
}

void check_webhook_secret(std::string_view text) {
    const auto secret = WebhookSecret::parse(text);
    if (!secret) {
        check_not_shown(secret.error().detail, text);
        return;
    }
    INVARIANT(secret->text().expose_text() == text && !secret->key().empty());
    check_not_shown(secret->masked(), text);
    const auto again = WebhookSecret::parse(secret->text().expose_text());
    INVARIANT(again && std::ranges::equal(again->key(), secret->key()));
    if (secret->kind() == WebhookSecretKind::ed25519) {
        const auto shown = secret->public_text();
        INVARIANT(shown && parse_webhook_public_key(*shown));
        INVARIANT(!secret->whsec_text());
    } else if (const auto other = secret->whsec_text()) {
        const auto same = WebhookSecret::parse(other->expose_text());
        INVARIANT(same && std::ranges::equal(same->key(), secret->key()));
    }
}

void check_api_key(std::string_view text) {
    const auto key = read_api_key(text);
    if (!key) {
        check_not_shown(key.error().detail, text);
        return;
    }
    INVARIANT(text.size() == api_key_text_bytes && text.starts_with("blt_"));
    INVARIANT(key->id.text().substr(4) == text.substr(4, 26));
    INVARIANT(key->hash == sha256(text) && matches(*key, sha256(text)));
    std::string wrong{text};
    Draw draw{text};
    const std::size_t at = 31 + draw.below(43);
    wrong[at] = wrong[at] == 'x' ? 'y' : 'x';
    INVARIANT(!read_api_key(wrong));
}

void check_key_file(std::string_view text) {
    const auto keys = MasterKeys::parse(text, "the file");
    if (!keys) return;
    INVARIANT(!keys->all().empty() && keys->all().size() <= master_keys_max);
    std::string printed;
    for (const MasterKey& key : keys->all()) {
        INVARIANT(key.key.size() == 32 && key.id == master_key_id(key.key.expose()));
        INVARIANT(keys->find(key.id) != nullptr);
        printed += key.id + " " + to_base64(key.key.expose()) + "\n";
    }
    const auto again = MasterKeys::parse(printed, "the file");
    INVARIANT(again && again->current().id == keys->current().id &&
              again->all().size() == keys->all().size());
}

/// Each line is a header "name: value".
void check_headers(std::string_view text) {
    std::vector<HeaderView> headers;
    for (std::string_view rest = text; !rest.empty();) {
        std::string_view line = take_until(rest, '\n');
        const std::string_view name = take_until(line, ':');
        if (line.starts_with(' ')) line.remove_prefix(1);
        headers.push_back({name, line});
    }
    const auto verdict = check_custom_headers(headers, {.signature_header = "X-Signature"});
    if (!verdict) {
        for (const HeaderView& header : headers)
            check_not_shown(verdict.error().detail, header.value.substr(0, 200));
        return;
    }
    INVARIANT(headers.size() <= custom_headers_max);
    for (const auto& [name, value] : headers) {
        INVARIANT(!name.empty() && name.size() <= custom_header_name_bytes_max);
        INVARIANT(std::ranges::none_of(name, [](unsigned char c) { return c <= ' ' || c > '~'; }));
        INVARIANT(std::ranges::none_of(
            value, [](unsigned char c) { return (c < ' ' && c != '\t') || c > '~'; }));
    }
}

}  // namespace

void run(std::string_view input) {
    check_webhook_secret(input);
    check_api_key(input);
    check_key_file(input);
    check_headers(input);
}

}  // namespace blotter::fuzz
