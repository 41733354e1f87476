#include <array>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "checks.hpp"
#include "wire.hpp"

namespace blotter::sim {
namespace {

using Hash = std::array<unsigned char, 32>;

Hash hash_leaf(const std::string& entry) {
    const std::string text = std::string(1, '\0') + entry;
    Hash out;
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
    return out;
}

Hash hash_node(const Hash& left, const Hash& right) {
    std::array<unsigned char, 65> text;
    text[0] = 1;
    std::copy(left.begin(), left.end(), text.begin() + 1);
    std::copy(right.begin(), right.end(), text.begin() + 33);
    Hash out;
    SHA256(text.data(), text.size(), out.data());
    return out;
}

/// RFC 6962, leaf by leaf: complete subtrees of falling size.
class Tree {
  public:
    void add(const std::string& entry) {
        complete_.push_back({hash_leaf(entry), 1});
        while (complete_.size() > 1 &&
               complete_[complete_.size() - 2].size == complete_.back().size) {
            const Part right = complete_.back();
            complete_.pop_back();
            complete_.back() = {hash_node(complete_.back().hash, right.hash), 2 * right.size};
        }
    }
    std::string root() const {
        Hash out;
        SHA256(nullptr, 0, out.data());
        for (auto part = complete_.rbegin(); part != complete_.rend(); ++part)
            out = part == complete_.rbegin() ? part->hash : hash_node(part->hash, out);
        return {reinterpret_cast<const char*>(out.data()), out.size()};
    }

  private:
    struct Part {
        Hash hash;
        std::uint64_t size;
    };
    std::vector<Part> complete_;
};

bool is_signed_by(const std::string& key_base64, const std::string& text,
                  const std::string& signature) {
    const std::string key = from_base64(key_base64);
    if (key.size() != 33 || signature.size() != 68) return false;
    // One byte for the kind of key; four for its id.
    EVP_PKEY* raw = EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(key.data()) + 1, 32);
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    const bool genuine =
        EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, raw) == 1 &&
        EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()) + 4, 64,
                         reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(raw);
    return genuine;
}

}  // namespace

/// A signed note: the text, an empty line, "— name base64".
void Checks::Ledger::check_signature(const std::string& note) {
    if (world_.history.verifier_key.empty()) return;
    const std::size_t end = note.find("\n\n");
    const std::size_t last = note.rfind(' ');
    // name+hash+key; the key may have a plus sign of its own.
    const std::string& key = world_.history.verifier_key;
    const std::size_t begin = key.find('+', key.find('+') + 1);
    const std::string signature = from_base64(trimmed(note.substr(last + 1)));
    if (end == note.npos || last == note.npos ||
        !is_signed_by(key.substr(begin + 1), note.substr(0, end + 1), signature))
        world_.blame("P9", "a checkpoint is not signed by the ledger's key");
}

/// Everything that was ever signed or shown is the tree of what is there now; so any two of them
/// are consistent.
void Checks::Ledger::check_log(const Image& image, std::int64_t log_no) {
    static const std::vector<std::string> nothing;
    const auto found = image.leaves.find(log_no);
    const auto& leaves = found == image.leaves.end() ? nothing : found->second;
    auto& seen = seen_[log_no];
    for (std::size_t i = 0; i < seen.size(); ++i)
        if (i >= leaves.size() || leaves[i] != seen[i])
            return world_.blame("P9", fmt::format("leaf {} of log {} is another one", i, log_no));
    seen = leaves;

    std::multimap<std::uint64_t, std::string> roots;  // of what was signed, by size
    for (const Image::Checkpoint& checkpoint : image.checkpoints)
        if (checkpoint.log_no == log_no) roots.emplace(checkpoint.size, checkpoint.root);
    for (const ShownCheckpoint& shown : world_.history.checkpoints)
        if (shown.origin == image.origins.at(log_no))
            roots.emplace(shown.size, from_base64(shown.root));
    Tree tree;
    auto next = roots.lower_bound(1);
    for (std::size_t i = 0; i < leaves.size() && next != roots.end(); ++i) {
        if (leaves[i].empty())
            return world_.blame("P9", fmt::format("leaf {} of log {} is missing", i, log_no));
        tree.add(leaves[i]);
        for (; next != roots.end() && next->first == i + 1; ++next)
            if (tree.root() != next->second)
                return world_.blame("P9", fmt::format("the checkpoint of size {} of log {} is not "
                                                      "the tree's",
                                                      next->first, log_no));
    }
    if (next != roots.end())
        world_.blame("P9", fmt::format("log {} was signed with {} leaves and has {}", log_no,
                                       roots.rbegin()->first, leaves.size()));
}

void Checks::Ledger::look(const Image& image) {
    for (const auto& [no, origin] : image.origins) check_log(image, no);
    for (const Image::Checkpoint& checkpoint : image.checkpoints)
        if (notes_checked_.insert(checkpoint.note).second && notes_checked_.size() % 8 == 1)
            check_signature(checkpoint.note);
}

}  // namespace blotter::sim
