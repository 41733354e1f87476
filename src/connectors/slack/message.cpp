#include "connectors/slack/message.hpp"

#include <fmt/format.h>

#include "connectors/slack/text.hpp"
#include "connectors/slack/wording.hpp"

namespace blotter::connectors::slack {
namespace {

// Together far below Block Kit's 13,200 characters of all blocks.
constexpr std::size_t title_points = 200;
constexpr std::size_t name_points = 80;
constexpr std::size_t reason_points = 600;
constexpr std::size_t names_max = 10;
constexpr std::size_t url_bytes_max = 3'000;
constexpr std::size_t sentence_points_max = 3'000;  // of the fallback, escaped
constexpr std::size_t text_points_max = 4'000;      // the fallback: sentence and links
constexpr std::size_t section_points_max = 3'000;
constexpr std::size_t button_points = 75;

std::string text_at(const json::Value& data, std::string_view pointer) {
    const json::Value* value = data.at_pointer(pointer);
    const std::string* text = value == nullptr ? nullptr : value->as_string();
    return text == nullptr ? std::string{} : *text;
}

std::string replaced(std::string_view text, std::string_view name, std::string_view value) {
    std::string out{text};
    if (const auto at = out.find(name); at != std::string::npos)
        out.replace(at, name.size(), value);
    return out;
}

std::string counted_phrase(std::string_view one, std::string_view many, std::int64_t count) {
    return count == 1 ? std::string{one} : replaced(many, "{count}", std::to_string(count));
}

/// A piece of a sentence: our words, or words of users.
struct Piece {
    enum class Kind : std::uint8_t { ours, title, theirs } kind = Kind::ours;
    std::string text;
};

/// What stands for the placeholders of a sentence.
class Values {
  public:
    Values(const EventFacts& event, Language language)
        : data_(event.data), type_(event.type), phrases_(phrases_in(language)) {}

    Piece piece(std::string_view name) const {
        if (name == "title") return {Piece::Kind::title, title()};
        if (name == "who") return {Piece::Kind::theirs, who()};
        if (name == "reason") return {Piece::Kind::theirs, reason()};
        if (name == "list") return {Piece::Kind::theirs, list()};
        if (name == "progress") return {Piece::Kind::ours, progress()};
        return {};
    }

  private:
    std::string title() const {
        for (const char* pointer : {"/envelope/title", "/document/number", "/envelope/id"})
            if (std::string text = cut(text_at(data_, pointer), title_points); !text.empty())
                return text;
        return std::string{phrases_.untitled};
    }

    static std::string name_of(const json::Value& recipient) {
        std::string name = text_at(recipient, "/name");
        if (name.empty()) name = text_at(recipient, "/email");
        return cut(name, name_points);
    }

    std::string who() const {
        const json::Value* recipient = data_.find("recipient");
        if (recipient == nullptr && type_ == EventType::envelope_declined)
            recipient = first_with_status("declined");
        std::string name = recipient == nullptr ? "" : name_of(*recipient);
        return name.empty() ? std::string{phrases_.somebody} : name;
    }

    const json::Value* first_with_status(std::string_view status) const {
        const json::Value* all = data_.find("recipients");
        if (all == nullptr || all->as_array() == nullptr) return nullptr;
        for (const json::Value& one : *all->as_array())
            if (text_at(one, "/status") == status) return &one;
        return nullptr;
    }

    std::string reason() const {
        for (const char* pointer : {"/reason", "/recipient/reason"})
            if (std::string text = cut(text_at(data_, pointer), reason_points); !text.empty())
                return text;
        return std::string{phrases_.no_reason};
    }

    std::string list() const {
        const json::Value* all =
            data_.find(type_ == EventType::envelope_expired ? "missing_recipients" : "recipients");
        // An envelope was not sent to nobody, even if the event does not say to whom.
        std::string none{type_ == EventType::envelope_expired ? phrases_.nobody : phrases_.signers};
        if (all == nullptr || all->as_array() == nullptr) return none;
        std::string out;
        std::size_t shown = 0;
        std::int64_t more = 0;
        for (const json::Value& one : *all->as_array()) {
            const std::string role = text_at(one, "/role");
            const std::string name = name_of(one);
            if (name.empty() || role == "copy" || role == "viewer") continue;
            if (shown == names_max) {
                ++more;
                continue;
            }
            if (++shown > 1) out += ", ";
            out += name;
        }
        if (shown == 0) return none;
        if (more > 0) out += " " + counted_phrase(phrases_.and_one, phrases_.and_others, more);
        return out;
    }

    std::string progress() const {
        const json::Value* all = data_.find("recipients");
        if (all == nullptr || all->as_array() == nullptr) return "";
        std::size_t done = 0;
        std::size_t total = 0;
        for (const json::Value& one : *all->as_array()) {
            const std::string role = text_at(one, "/role");
            const std::string status = text_at(one, "/status");
            if (role == "copy" || role == "viewer" || status == "removed") continue;
            ++total;
            if (status == "signed" || status == "approved") ++done;
        }
        if (total == 0) return "";
        return replaced(replaced(phrases_.progress, "{done}", std::to_string(done)), "{total}",
                        std::to_string(total));
    }

    const json::Value& data_;
    EventType type_;
    const Phrases& phrases_;
};

std::vector<Piece> pieces_of(std::string_view sentence, const Values& values) {
    std::vector<Piece> out;
    while (!sentence.empty()) {
        const auto open = sentence.find('{');
        if (open != 0) out.push_back({Piece::Kind::ours, std::string{sentence.substr(0, open)}});
        if (open == std::string_view::npos) break;
        const auto close = sentence.find('}', open);
        Piece piece = values.piece(sentence.substr(open + 1, close - open - 1));
        if (!piece.text.empty()) out.push_back(std::move(piece));
        sentence.remove_prefix(close + 1);
    }
    return out;
}

/// A rich_text block: Slack takes its text as it is, so that no title can mention or link.
json::Value rich_text(const std::vector<Piece>& pieces) {
    json::Array elements;
    for (const Piece& piece : pieces) {
        json::Object element{{"type", "text"}, {"text", piece.text}};
        if (piece.kind == Piece::Kind::title) element.append("style", json::Object{{"bold", true}});
        elements.emplace_back(std::move(element));
    }
    json::Object section{{"type", "rich_text_section"}, {"elements", std::move(elements)}};
    return json::Object{{"type", "rich_text"}, {"elements", json::Array{std::move(section)}}};
}

std::string joined(const std::vector<Piece>& pieces) {
    std::string out;
    for (const Piece& piece : pieces) out += piece.text;
    return out;
}

struct Way {
    std::string label;
    std::string url;     ///< empty for a button without an address
    std::string action;  ///< action_id
};

std::string file_url(const EventFacts& event, const Links& links, std::string_view kind) {
    const std::string path = "/files/" + std::string{kind};
    const auto id = FileId::parse(text_at(event.data, path + "/file_id"));
    if (id) return links.url(*id);
    const std::string given = text_at(event.data, path + "/url");
    return given.starts_with("https://") ? given : "";
}

std::vector<Way> ways_of(const EventFacts& event, const Links& links,
                         const RenderOptions& options) {
    const Phrases& phrases = phrases_in(options.language);
    std::vector<Way> out;
    const auto add = [&](std::string_view label, std::string url, std::string action) {
        url = clean_url(url);
        if (!url.empty() && url.size() <= url_bytes_max)
            out.push_back({cut(label, button_points), std::move(url), std::move(action)});
    };
    if (event.type == EventType::envelope_completed || event.type == EventType::evidence_ready) {
        add(phrases.evidence_pdf, file_url(event, links, "audit_trail"), "open_evidence");
        add(phrases.signed_pdf, file_url(event, links, "signed_pdf"), "open_signed_pdf");
    }
    if (event.type == EventType::envelope_expired && options.buttons == Buttons::buttons &&
        event.envelope_no)
        out.push_back({std::string{phrases.send_again}, "", "send_again"});
    const bool offers_resend = !out.empty() && out.back().action == "send_again";
    const bool is_expired = event.type == EventType::envelope_expired;
    const std::string id = text_at(event.data, "/envelope/id");
    if (!id.empty() && !options.envelope_url.empty())
        add(is_expired && !offers_resend ? phrases.open_to_resend : phrases.open_envelope,
            replaced(options.envelope_url, "{id}", percent_encode(id)), "open_envelope");
    return out;
}

json::Value buttons_block(const std::vector<Way>& ways, const std::string& value) {
    json::Array elements;
    for (const Way& way : ways) {
        json::Object button{
            {"type", "button"},
            {"action_id", way.action},
            {"text", json::Object{{"type", "plain_text"}, {"text", way.label}, {"emoji", true}}}};
        if (!value.empty()) button.append("value", value);
        if (!way.url.empty()) button.append("url", way.url);
        elements.emplace_back(std::move(button));
    }
    return json::Object{{"type", "actions"}, {"elements", std::move(elements)}};
}

/// The links that fit in `points_max`, each of them whole.
std::string links_line(const std::vector<Way>& ways, std::size_t points_max) {
    std::string line;
    for (const Way& way : ways) {
        if (way.url.empty()) continue;
        const std::string one = (line.empty() ? "" : " · ") + link(way.url, way.label);
        if (code_points(line) + code_points(one) <= points_max) line += one;
    }
    return line;
}

json::Value attachment(std::string_view colour, const std::string& fallback, json::Array blocks) {
    return json::Array{
        json::Object{{"color", colour}, {"fallback", fallback}, {"blocks", std::move(blocks)}}};
}

Message counted(std::string_view icon, std::string_view heading, const TypeCounts& counts,
                std::string_view tail) {
    std::vector<Piece> pieces{{Piece::Kind::ours, fmt::format("{} ", icon)},
                              {Piece::Kind::title, std::string{heading}}};
    for (const auto& [type, count] : counts)
        pieces.push_back({Piece::Kind::ours, fmt::format("\n{} {}: {}", wording_of(type).icon,
                                                         blotter::to_text(type), count)});
    if (!tail.empty()) pieces.push_back({Piece::Kind::ours, fmt::format("\n{}", tail)});
    const std::string text = cut_to_escape(joined(pieces), sentence_points_max);
    return {escape(text), attachment("#868686", escape(text), json::Array{rich_text(pieces)})};
}

std::int64_t total_of(const TypeCounts& counts) {
    std::int64_t total = 0;
    for (const auto& [type, count] : counts) total += count;
    return total;
}

}  // namespace

Message render(const EventFacts& event, const Links& links, const RenderOptions& options) {
    const Wording& wording = wording_of(event.type);
    const Values values{event, options.language};
    std::vector<Piece> pieces = pieces_of(wording.in(options.language), values);
    pieces.insert(pieces.begin(), {Piece::Kind::ours, fmt::format("{} ", wording.icon)});
    const json::Value* test = event.data.find("test");
    if (test != nullptr && test->as_bool() != nullptr && *test->as_bool())
        pieces.push_back(
            {Piece::Kind::ours, fmt::format("\n{}", phrases_in(options.language).sample)});
    const std::vector<Way> ways = ways_of(event, links, options);
    const std::string line = links_line(ways, section_points_max);

    json::Array blocks{rich_text(pieces)};
    if (!ways.empty() && options.buttons == Buttons::buttons)
        blocks.push_back(buttons_block(ways, options.button_value));
    else if (!line.empty())
        blocks.push_back(json::Object{{"type", "section"},
                                      {"text", json::Object{{"type", "mrkdwn"}, {"text", line}}}});
    Message out;
    out.text = escape(cut_to_escape(joined(pieces), sentence_points_max));
    out.attachments = attachment(wording.colour, out.text, std::move(blocks));
    // Without blocks the addresses are still wanted.
    const std::size_t room = text_points_max - code_points(out.text) - 1;
    if (const std::string rest = links_line(ways, room); !rest.empty()) out.text += "\n" + rest;
    return out;
}

Message render_summary(const TypeCounts& counts, Language language) {
    const Phrases& phrases = phrases_in(language);
    return counted("📚", counted_phrase(phrases.summary_one, phrases.summary, total_of(counts)),
                   counts, "");
}

Message render_digest(const TypeCounts& counts, std::int64_t open_alerts, Language language) {
    const Phrases& phrases = phrases_in(language);
    return counted("🗞️", counted_phrase(phrases.digest_one, phrases.digest, total_of(counts)),
                   counts, replaced(phrases.alerts, "{count}", std::to_string(open_alerts)));
}

Message plain_text(Message message) {
    message.attachments = {};
    return message;
}

}  // namespace blotter::connectors::slack
