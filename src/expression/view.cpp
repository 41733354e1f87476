#include "expression/view.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <type_traits>

#include "base/utf8.hpp"

namespace blotter::expression {

// The arena never runs destructors.
static_assert(std::is_trivially_destructible_v<View> && std::is_trivially_copyable_v<View>);

std::size_t ListView::size() const {
    return json != nullptr ? json->size() : items.size();
}

View ListView::at(std::size_t index) const {
    return json != nullptr ? View::of((*json)[index]) : items[index];
}

std::size_t MapView::size() const {
    return json != nullptr ? json->size() : entries.size();
}

View MapView::key_at(std::size_t index) const {
    if (json != nullptr) return std::string_view{(json->begin() + index)->name};
    return entries[index].key;
}

View MapView::value_at(std::size_t index) const {
    return json != nullptr ? View::of((json->begin() + index)->value) : entries[index].value;
}

View View::of(const json::Value& value) {
    static constexpr Failure unreadable{
        nullptr, "a number in the data has more digits than a decimal can hold",
        Severity::ordinary};
    if (const std::string* text = value.as_string()) return std::string_view{*text};
    if (const json::Object* object = value.as_object()) return MapView{.json = object};
    if (const json::Number* number = value.as_number()) {
        const auto decimal = Decimal::from(*number);
        return decimal ? View{*decimal} : View{&unreadable};
    }
    if (const bool* b = value.as_bool()) return *b;
    if (const json::Array* array = value.as_array()) return ListView{.json = array};
    return {};
}

std::span<View> Arena::views(std::size_t count) {
    const std::span<View> out = take<View>(count);
    for (View& view : out) new (&view) View;
    return out;
}

std::span<Entry> Arena::entries(std::size_t count) {
    const std::span<Entry> out = take<Entry>(count);
    for (Entry& entry : out) new (&entry) Entry;
    return out;
}

const Failure* Arena::failure(const Node* node, std::string_view message, Severity severity) {
    constexpr std::size_t message_bytes_max = 240;
    const std::string_view cut = cut_utf8(message, message_bytes_max);
    const std::span<char> text = chars(cut.size());
    std::copy_n(cut.begin(), text.size(), text.begin());
    const std::span<std::byte> place = take<std::byte>(sizeof(Failure) + alignof(Failure));
    static constexpr Failure exhausted{nullptr, "the evaluation uses too much memory",
                                       Severity::limit};
    void* at = place.data();
    std::size_t room = place.size();
    if (text.size() < cut.size() ||
        std::align(alignof(Failure), sizeof(Failure), at, room) == nullptr)
        return &exhausted;
    return new (at) Failure{node, {text.data(), text.size()}, severity};
}

}  // namespace blotter::expression
