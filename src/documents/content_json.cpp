#include "documents/content_json.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace blotter::documents {
namespace {

constexpr std::size_t text_bytes_max = 2'000;
constexpr std::size_t number_bytes_max = 100;
constexpr std::size_t reference_bytes_max = 200;
constexpr std::size_t name_bytes_max = 400;

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// --- Reading ---

std::optional<Decimal> read_decimal(json::ObjectReader& in, std::string_view name) {
    const json::Value* value = in.take(name);
    if (value == nullptr) return std::nullopt;
    std::string_view text;
    if (const auto* number = value->as_number())
        text = number->text;
    else if (const auto* string = value->as_string())
        text = *string;
    auto parsed = Decimal::parse(text);
    if (parsed) return *parsed;
    in.refuse(name,
              fmt::format("'{}' is not an exact decimal number: {}", name, parsed.error().detail));
    return std::nullopt;
}

std::string read_date(json::ObjectReader& in, std::string_view name) {
    std::string text = in.text_or(name, 10, "");
    if (!text.empty() && (text.size() != 10 || !parse_rfc3339(text + "T00:00:00Z")))
        in.refuse(name, fmt::format("'{}' is a date of the form YYYY-MM-DD", name));
    return text;
}

Amounts read_amounts(json::ObjectReader& in, std::string_view what) {
    Amounts out;
    out.net = read_decimal(in, fmt::format("net_{}", what));
    out.vat = read_decimal(in, fmt::format("vat_{}", what));
    out.gross = read_decimal(in, fmt::format("gross_{}", what));
    return out;
}

/// A reference id, or an object with `reference_id` and what is copied beside it.
struct Named {
    std::string reference_id;
    std::string name;
    std::string tax_id;
};
Result<Named> read_named(const json::Value& value, const std::string& pointer) {
    Named out;
    if (const auto* text = value.as_string()) {
        out.reference_id = *text;
    } else {
        json::ObjectReader in{value, pointer};
        out.reference_id = in.text("reference_id", reference_bytes_max);
        out.name = in.text_or("name", name_bytes_max, "");
        out.tax_id = in.text_or("tax_id", number_bytes_max, "");
        CHECK(in.finish());
    }
    CHECK(check_reference_id(out.reference_id, pointer));
    return out;
}

Result<std::vector<Dimension>> read_dimensions(json::ObjectReader& in) {
    std::vector<Dimension> out;
    const json::Value& all = in.object("dimensions");
    const json::Object* members = all.as_object();
    if (members == nullptr) return out;
    const std::string pointer = in.pointer_to("dimensions");
    if (members->size() > dimensions_max)
        return fail(Errc::invalid_argument, fmt::format("at most {} dimensions", dimensions_max),
                    pointer);
    for (const json::Member& member : *members) {
        const std::string place = fmt::format("{}/{}", pointer, member.name);
        if (!is_dimension_type(member.name))
            return fail(Errc::invalid_argument,
                        "a type of dimension is lower-case letters, digits and _, at most 40, "
                        "for example cost_center",
                        place);
        TRY(Named named, read_named(member.value, place));
        out.push_back({member.name, std::move(named.reference_id), std::move(named.name)});
    }
    return out;
}

Result<Line> read_line(const json::Value& value, const std::string& pointer) {
    json::ObjectReader in{value, pointer};
    Line out;
    out.description = in.text_or("description", text_bytes_max, "");
    out.quantity = read_decimal(in, "quantity");
    out.unit_price = read_decimal(in, "unit_price");
    out.discount = read_decimal(in, "discount");
    out.vat_rate = read_decimal(in, "vat_rate");
    out.amounts = read_amounts(in, "amount");
    TRY(out.dimensions, read_dimensions(in));
    CHECK(in.finish());
    return out;
}

std::string read_currency(json::ObjectReader& in) {
    std::string text = in.text("currency", 3);
    const bool shaped =
        text.size() == 3 && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!shaped) in.refuse("currency", "a currency is three upper-case letters, for example EUR");
    return text;
}

// --- Writing ---

void text_if(json::Object& out, const char* name, const std::string& value) {
    if (!value.empty()) out.append(name, value);
}
void decimal_if(json::Object& out, std::string name, const std::optional<Decimal>& value) {
    if (value) out.append(std::move(name), value->to_text());
}
void append_amounts(json::Object& out, const Amounts& amounts, std::string_view what) {
    decimal_if(out, fmt::format("net_{}", what), amounts.net);
    decimal_if(out, fmt::format("vat_{}", what), amounts.vat);
    decimal_if(out, fmt::format("gross_{}", what), amounts.gross);
}
void append_dimensions(json::Object& out, const std::vector<Dimension>& dimensions) {
    json::Object members;
    for (const Dimension& d : dimensions) {
        json::Object named{{"reference_id", d.reference_id}};
        text_if(named, "name", d.name);
        members.append(d.type, std::move(named));
    }
    out.append("dimensions", std::move(members));
}

json::Value line_to(const Line& line) {
    json::Object out;
    text_if(out, "description", line.description);
    decimal_if(out, "quantity", line.quantity);
    decimal_if(out, "unit_price", line.unit_price);
    decimal_if(out, "discount", line.discount);
    decimal_if(out, "vat_rate", line.vat_rate);
    append_amounts(out, line.amounts, "amount");
    append_dimensions(out, line.dimensions);
    return out;
}

json::Value file_to(const EnvelopeFile& file) {
    return json::Object{{"file_id", file.id.text()},
                        {"name", file.name},
                        {"media_type", file.media_type},
                        {"bytes", file.bytes},
                        {"sha256", file.sha256}};
}

}  // namespace

bool is_dimension_type(std::string_view text) {
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    return !text.empty() && text.size() <= 40 && letter(text.front()) &&
           std::ranges::all_of(
               text, [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

Result<> check_reference_id(std::string_view text, const std::string& pointer) {
    if (text.empty() || text.size() > reference_bytes_max || std::ranges::any_of(text, is_control))
        return fail(Errc::invalid_argument,
                    fmt::format("a reference id has 1 to {} bytes and no control characters",
                                reference_bytes_max),
                    pointer);
    return {};
}

Result<Content> read_content(json::ObjectReader& in) {
    Content out;
    out.type = in.choice_or("type", parse_document_type, DocumentType::invoice);
    out.number = in.text_or("number", number_bytes_max, "");
    out.description = in.text_or("description", text_bytes_max, "");
    out.issue_date = read_date(in, "issue_date");
    out.due_date = read_date(in, "due_date");
    out.currency = read_currency(in);
    out.totals = read_amounts(in, "total");
    out.rounding = read_decimal(in, "rounding");
    if (const json::Value* supplier = in.take("supplier")) {
        TRY(Named named, read_named(*supplier, in.pointer_to("supplier")));
        out.supplier =
            Supplier{std::move(named.reference_id), std::move(named.name), std::move(named.tax_id)};
    }
    TRY(out.dimensions, read_dimensions(in));
    const json::Array& lines = in.array("lines", lines_max);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        TRY(Line line, read_line(lines[i], fmt::format("{}/{}", in.pointer_to("lines"), i)));
        out.lines.push_back(std::move(line));
    }
    if (const json::Value& metadata = in.object("metadata"); !metadata.is_null())
        out.metadata = metadata;
    return out;
}

Result<EnvelopeFile> read_file(const json::Value& value) {
    json::ObjectReader in{value, "/content/file"};
    EnvelopeFile out;
    TRY(out.id, FileId::parse(in.text("file_id", 64)));
    out.name = in.text_or("name", 1'024, "");
    out.media_type = in.text_or("media_type", 256, "");
    out.bytes = static_cast<std::uint64_t>(in.integer_or("bytes", 0, INT64_MAX, 0));
    out.sha256 = in.text("sha256", 64);
    CHECK(in.finish());
    return out;
}

void append_content(json::Object& out, const Content& content) {
    out.append("type", to_text(content.type));
    text_if(out, "number", content.number);
    text_if(out, "description", content.description);
    text_if(out, "issue_date", content.issue_date);
    text_if(out, "due_date", content.due_date);
    out.append("currency", content.currency);
    if (content.supplier) {
        json::Object supplier{{"reference_id", content.supplier->reference_id}};
        text_if(supplier, "name", content.supplier->name);
        text_if(supplier, "tax_id", content.supplier->tax_id);
        out.append("supplier", std::move(supplier));
    }
    append_amounts(out, content.totals, "total");
    decimal_if(out, "rounding", content.rounding);
    append_dimensions(out, content.dimensions);
    json::Array lines;
    for (const Line& line : content.lines) lines.push_back(line_to(line));
    out.append("lines", std::move(lines));
    out.append("metadata", content.metadata);
    if (content.file) out.append("file", file_to(*content.file));
}

}  // namespace blotter::documents
