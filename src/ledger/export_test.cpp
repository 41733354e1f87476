#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdlib.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/test_log.hpp"
#include "ledger/tiles.hpp"

namespace blotter::ledger {
namespace {

namespace fs = std::filesystem;
using namespace testing_log;
using testing::HasSubstr;

/// A folder that goes away with the test.
class TempFolder {
  public:
    TempFolder() {
        std::string name = (fs::temp_directory_path() / "blotter_ledger_XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~TempFolder() { fs::remove_all(path); }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    fs::path path;
};

void write_folder(const MemoryFiles& files, const fs::path& folder) {
    for (const auto& [name, bytes] : files.files) {
        fs::create_directories((folder / name).parent_path());
        std::ofstream out{folder / name, std::ios::binary};
        out << as_text(bytes);
        ASSERT_TRUE(out.flush()) << name;
    }
}

/// A folder as the verifier sees it.
class FolderSource : public FileSource {
  public:
    explicit FolderSource(fs::path root) : root_(std::move(root)) {}
    Result<std::vector<std::string>> list() override {
        std::vector<std::string> out;
        for (const auto& entry : fs::recursive_directory_iterator(root_))
            if (entry.is_regular_file()) out.push_back(fs::relative(entry.path(), root_).string());
        return out;
    }
    Result<Bytes> read(const std::string& path, std::size_t bytes_max) override {
        std::ifstream in{root_ / path, std::ios::binary};
        if (!in) return fail(Errc::not_found, "no file " + path);
        Bytes out(fs::file_size(root_ / path));
        if (out.size() > bytes_max) return fail(Errc::too_large, path + " is too large");
        in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
        return out;
    }

  private:
    fs::path root_;
};

MemoryFiles export_of(LogSource& log) {
    MemoryFiles files;
    const auto summary = export_log(log, files);
    EXPECT_TRUE(summary) << summary.error().detail;
    return files;
}

std::string words_of(const VerifyReport& report) {
    std::string out;
    for (const Finding& finding : report.findings) out += describe(finding) + "\n";
    return out;
}

TestLog& big_log() {
    static TestLog log{10'000};
    return log;
}
const MemoryFiles& big_export() {
    static const MemoryFiles files = export_of(big_log());
    return files;
}

struct Ran {
    int exit_code = -1;
    std::string output;
};

Ran run(const std::string& command) {
    Ran out;
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) return out;
    std::array<char, 4'096> buffer;
    for (std::size_t size = 0; (size = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        out.output.append(buffer.data(), size);
    const int status = ::pclose(pipe);
    out.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return out;
}

/// The verifier in Go, built once. Go is a required package: without it this test fails.
const std::string& go_verifier() {
    static const std::string program = [] {
        const fs::path out = fs::path{BLOTTER_BINARY_DIR} / "ledger_verify";
        const Ran built = run(fmt::format(
            "cd '{}/tests/e2e/go/ledger_verify' && GO111MODULE=off GOPATH=/usr/share/gocode "
            "GOFLAGS= GOCACHE='{}/go-cache' go build -o '{}' .",
            BLOTTER_SOURCE_DIR, BLOTTER_BINARY_DIR, out.string()));
        EXPECT_EQ(built.exit_code, 0)
            << "building the Go verifier needs golang-go and golang-golang-x-mod-dev:\n"
            << built.output;
        return out.string();
    }();
    return program;
}

TEST(Export, has_the_documented_files_with_the_checkpoint_last) {
    TestLog log{300};
    const MemoryFiles files = export_of(log);
    std::set<std::string> names;
    for (const auto& [path, bytes] : files.files) names.insert(path);
    EXPECT_EQ(names, (std::set<std::string>{"checkpoint", "key", "README.txt", "tile/0/000",
                                            "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000",
                                            "tile/entries/001.p/44"}));
    EXPECT_EQ(files.order.back(), "checkpoint");
    EXPECT_EQ(as_text(files.files.at("key")), log.public_key().text() + "\n");
    EXPECT_EQ(as_text(files.files.at("checkpoint")), log.note);
}

TEST(Export, refuses_a_store_whose_entries_are_not_those_that_were_signed) {
    TestLog log{300};
    log.stored[17][20] ^= 1;
    MemoryFiles files;
    EXPECT_EQ(export_log(log, files).error().code, Errc::corrupt);
    EXPECT_FALSE(files.files.contains("checkpoint"));
}

TEST(Export, of_any_size_is_found_sound_by_our_verifier_and_by_the_foreign_one) {
    std::string folders;
    std::vector<std::unique_ptr<TempFolder>> temps;
    for (const std::uint64_t size : {0U, 1U, 2U, 255U, 256U, 257U, 511U, 512U, 1'000U}) {
        TestLog log{size};
        const MemoryFiles files = export_of(log);
        temps.push_back(std::make_unique<TempFolder>());
        write_folder(files, temps.back()->path);
        FolderSource source{temps.back()->path};
        const VerifyReport report = verify_export(source, {.trusted_key = log.public_key()});
        EXPECT_TRUE(report.is_sound()) << size << ": " << words_of(report);
        EXPECT_EQ(report.entries_read, size);
        folders += " '" + temps.back()->path.string() + "'";
    }
    const Ran ran = run(go_verifier() + folders);
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
}

/// One changed byte.
struct Flip {
    std::string path;
    std::size_t offset = 0;
    std::uint8_t mask = 1;
};

/// At least `each_min` in each class of files, `total` in all, spread over all bytes.
std::vector<Flip> draw_flips(const MemoryFiles& files, std::size_t each_min, std::size_t total) {
    std::mt19937_64 random{20'260'526};
    std::map<std::string, std::vector<std::string>> classes;
    std::vector<std::pair<std::size_t, std::string>> ends;  // cumulative size, path
    std::size_t all = 0;
    for (const auto& [path, bytes] : files.files) {
        if (path == export_readme_file) continue;
        const auto id = parse_tile_path(path);
        classes[id ? fmt::format("{} {} {}", id->level, id->kind == TileKind::entries,
                                 id->is_full())
                   : path]
            .push_back(path);
        ends.emplace_back(all += bytes.size(), path);
    }
    EXPECT_EQ(classes.size(), 7U);  // checkpoint, key, tile 0 and 1, bundles; full and partial
    std::vector<Flip> flips;
    const auto add = [&](const std::string& path, std::size_t offset) {
        flips.push_back({path, offset, static_cast<std::uint8_t>(1U << random() % 8)});
    };
    for (const auto& [name, paths] : classes)
        for (std::size_t i = 0; i < each_min; ++i) {
            const std::string& path = paths[random() % paths.size()];
            add(path, random() % files.files.at(path).size());
        }
    while (flips.size() < total) {
        const std::size_t place = random() % all;
        const auto file =
            std::ranges::upper_bound(ends, place, {}, [](auto& e) { return e.first; });
        const std::size_t begin = file == ends.begin() ? 0 : std::prev(file)->first;
        add(file->second, place - begin);
    }
    return flips;
}

/// The entry to which a byte of a bundle or a level-0 tile belongs.
std::optional<std::uint64_t> entry_at(const MemoryFiles& files, const Flip& flip) {
    const auto id = parse_tile_path(flip.path);
    if (!id || id->level != 0) return std::nullopt;
    const std::uint64_t first = id->index * tile_width_max;
    if (id->kind == TileKind::hashes) return first + flip.offset / sizeof(Digest);
    const Bytes& bundle = files.files.at(flip.path);
    std::uint64_t entry = first;
    for (std::size_t at = 0;; ++entry) {
        const std::size_t length = static_cast<std::size_t>(bundle[at]) << 8 | bundle[at + 1];
        if (flip.offset < at + 2) return std::nullopt;  // a length: what follows shifts
        at += 2 + length;
        if (flip.offset < at) return entry;
    }
}

TEST(Export, any_changed_byte_is_refused_by_our_verifier_which_names_file_and_entry) {
    MemoryFiles files = big_export();
    ASSERT_TRUE(verify_export(files, {.trusted_key = big_log().public_key()}).is_sound());
    for (const Flip& flip : draw_flips(files, 8, 200)) {
        const auto entry = entry_at(files, flip);
        files.files.at(flip.path)[flip.offset] ^= flip.mask;
        const VerifyReport report = verify_export(files);
        files.files.at(flip.path)[flip.offset] ^= flip.mask;
        ASSERT_FALSE(report.is_sound()) << flip.path << " " << flip.offset << " " << flip.mask;
        if (!parse_tile_path(flip.path)) continue;  // key and checkpoint vouch for each other
        EXPECT_EQ(report.findings[0].file, flip.path) << words_of(report);
        if (!entry) continue;
        ASSERT_EQ(report.findings.size(), 1U) << words_of(report);
        EXPECT_EQ(report.findings[0].entry, entry) << words_of(report);
    }
}

TEST(Export, any_changed_byte_is_refused_by_the_foreign_verifier) {
    const TempFolder folder;
    write_folder(big_export(), folder.path / "export");
    std::string list;
    const auto flips = draw_flips(big_export(), 30, 600);
    for (const Flip& flip : flips)
        list += fmt::format("{} {} {}\n", flip.path, flip.offset, flip.mask);
    std::ofstream{folder.path / "flips"} << list;
    const Ran ran =
        run(fmt::format("{} -flips '{}' '{}'", go_verifier(), (folder.path / "flips").string(),
                        (folder.path / "export").string()));
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_THAT(ran.output, HasSubstr(fmt::format("{} changes tried", flips.size())));
    EXPECT_THAT(ran.output, HasSubstr("10000 entries"));
}

TEST(Export, every_bit_of_the_small_files_counts_for_both_verifiers) {
    TestLog log{3};
    MemoryFiles files = export_of(log);
    const TempFolder folder;
    write_folder(files, folder.path / "export");
    std::string list;
    for (auto& [path, bytes] : files.files) {
        if (path == export_readme_file) continue;
        for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
            const auto mask = static_cast<std::uint8_t>(1U << bit % 8);
            bytes[bit / 8] ^= mask;
            EXPECT_FALSE(verify_export(files).is_sound()) << path << " bit " << bit;
            bytes[bit / 8] ^= mask;
            list += fmt::format("{} {} {}\n", path, bit / 8, mask);
        }
    }
    std::ofstream{folder.path / "flips"} << list;
    const Ran ran =
        run(fmt::format("{} -flips '{}' '{}'", go_verifier(), (folder.path / "flips").string(),
                        (folder.path / "export").string()));
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
}

Bytes bundle_of(const std::vector<Bytes>& entries) {
    Bytes out;
    for (const Bytes& entry : entries) EXPECT_TRUE(append_to_bundle(out, entry));
    return out;
}

std::vector<Bytes> entries_of(const MemoryFiles& files, const std::string& path) {
    std::vector<ByteView> views;
    EXPECT_TRUE(split_bundle(files.files.at(path), parse_tile_path(path)->width, views));
    std::vector<Bytes> out;
    for (const ByteView view : views) out.emplace_back(view.begin(), view.end());
    return out;
}

/// What somebody does to an export, and the first thing that our verifier should say about it.
struct Damage {
    std::string_view what;
    std::function<void(MemoryFiles&)> change;
    std::string file;
    std::optional<std::uint64_t> entry;
};

std::vector<Damage> damages() {
    const std::string bundle = "tile/entries/003";
    const auto rewrite = [&](auto change) {
        return [=](MemoryFiles& files) {
            auto entries = entries_of(files, bundle);
            change(entries);
            files.files[bundle] = bundle_of(entries);
        };
    };
    const auto cut = [](std::string path) {
        return [=](MemoryFiles& files) { files.files.at(path).pop_back(); };
    };
    const auto remove = [](std::string path) {
        return [=](MemoryFiles& files) { ASSERT_EQ(files.files.erase(path), 1U); };
    };
    return {
        {"an entry removed", rewrite([](auto& e) { e.erase(e.begin() + 4); }), bundle, {}},
        {"an entry added", rewrite([](auto& e) { e.insert(e.begin() + 4, e[4]); }), bundle, {}},
        {"entries swapped", rewrite([](auto& e) { std::swap(e[4], e[9]); }), bundle, 772},
        {"an entry replaced", rewrite([](auto& e) { e[4] = e[9]; }), bundle, 772},
        {"an entry emptied", rewrite([](auto& e) { e[4].clear(); }), bundle, 772},
        {"bundles swapped",
         [](MemoryFiles& f) {
             std::swap(f.files["tile/entries/001"], f.files["tile/entries/002"]);
         },
         "tile/entries/001", 256},
        {"a bundle cut", cut(bundle), bundle, {}},
        {"a bundle with more behind it",
         [=](MemoryFiles& f) { f.files.at(bundle).push_back(0); },
         bundle,
         {}},
        {"a bundle emptied", [=](MemoryFiles& f) { f.files.at(bundle).clear(); }, bundle, 768},
        {"a bundle removed", remove(bundle), bundle, {}},
        {"the last bundle removed", remove("tile/entries/039.p/16"), "tile/entries/039.p/16", {}},
        {"a tile cut", cut("tile/0/005"), "tile/0/005", {}},
        {"a tile removed", remove("tile/0/005"), "tile/0/005", {}},
        {"a partial tile removed", remove("tile/1/000.p/39"), "tile/1/000.p/39", {}},
        {"the checkpoint cut", cut("checkpoint"), "checkpoint", {}},
        {"the checkpoint removed", remove("checkpoint"), "checkpoint", {}},
        {"the key cut", cut("key"), "key", {}},
        {"the key removed", remove("key"), "key", {}},
        {"a stray file",
         [](MemoryFiles& f) { f.files["tile/entries/040"] = Bytes(10); },
         "tile/entries/040",
         {}},
        {"another stray file",
         [](MemoryFiles& f) { f.files["notes.txt"] = Bytes(10); },
         "notes.txt",
         {}},
    };
}

TEST(Export, cut_removed_moved_and_added_things_are_found_by_both_verifiers) {
    const std::vector<Damage> cases = damages();
    std::string folders;
    std::vector<std::unique_ptr<TempFolder>> temps;
    for (const Damage& one : cases) {
        MemoryFiles files = big_export();
        one.change(files);
        const VerifyReport report = verify_export(files);
        ASSERT_FALSE(report.is_sound()) << one.what;
        EXPECT_EQ(report.findings[0].file, one.file) << one.what << "\n" << words_of(report);
        if (one.entry) {
            EXPECT_EQ(report.findings[0].entry, one.entry) << one.what;
        }
        temps.push_back(std::make_unique<TempFolder>());
        write_folder(files, temps.back()->path);
        folders += " '" + temps.back()->path.string() + "'";
    }
    const Ran ran = run(go_verifier() + folders);
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_EQ(std::ranges::count(ran.output, '\n'), static_cast<std::ptrdiff_t>(cases.size()));
    EXPECT_THAT(ran.output, testing::Not(HasSubstr("ok "))) << ran.output;
}

TEST(Verifier, tells_a_wrong_tile_from_a_wrong_entry_even_when_both_occur) {
    MemoryFiles files = big_export();
    files.files.at("tile/entries/000")[100] ^= 1;  // entry 0
    files.files.at("tile/0/007")[0] ^= 1;          // the hash of entry 1792
    const VerifyReport report = verify_export(files);
    ASSERT_EQ(report.findings.size(), 2U) << words_of(report);
    EXPECT_THAT(describe(report.findings[0]), HasSubstr("tile/entries/000, entry 0: "));
    EXPECT_THAT(describe(report.findings[0]), HasSubstr("the log signed"));
    EXPECT_THAT(describe(report.findings[1]), HasSubstr("tile/0/007, entry 1792: "));
    EXPECT_THAT(describe(report.findings[1]), HasSubstr("the entry itself is right"));
}

TEST(Verifier, finds_a_history_rewritten_with_all_its_tiles_and_the_genuine_key) {
    // The worst case: whoever has the signing key makes a log that agrees with itself.
    TestLog forged{0};
    for (std::uint64_t n = 0; n < 400; ++n) forged.append(n == 123 ? 9'999 : n);
    forged.sign();
    MemoryFiles files = export_of(forged);
    // An entry that calls itself by another number gives the crude forgery away …
    VerifyReport report = verify_export(files, {.trusted_key = big_log().public_key()});
    ASSERT_FALSE(report.is_sound());
    EXPECT_THAT(words_of(report), HasSubstr("tile/entries/000, entry 123: "));
    // … and a head that somebody kept gives any forgery away.
    report = verify_export(files, {.known_heads = {big_log().heads[299], big_log().heads[99]}});
    EXPECT_THAT(words_of(report), HasSubstr("history was rewritten"));
    EXPECT_THAT(words_of(report), testing::Not(HasSubstr("the first 100 entries")));
    report = verify_export(files, {.known_heads = {big_log().heads[499]}});
    EXPECT_THAT(words_of(report), HasSubstr("had 500 entries once and has 400 now"));
    MemoryFiles genuine = big_export();
    report = verify_export(
        genuine,
        {.known_heads = {{0, empty_tree_root()}, big_log().heads[0], big_log().heads[9'999]}});
    EXPECT_TRUE(report.is_sound()) << words_of(report);
}

TEST(Verifier, believes_only_the_trusted_key) {
    std::array<std::uint8_t, 32> seed;
    seed.fill(0x43);
    const NoteSigner other = NoteSigner::create(std::string{test_origin}, seed).value();
    MemoryFiles files = big_export();
    const VerifyReport report = verify_export(files, {.trusted_key = other.verifier()});
    EXPECT_FALSE(report.is_sound());
    EXPECT_EQ(report.findings[0].file, "key");
}

TEST(Verifier, counts_signatures_that_it_cannot_check) {
    TestLog log{3};
    std::array<std::uint8_t, 32> seed;
    seed.fill(0x44);
    const NoteSigner witness = NoteSigner::create("witness.test", seed).value();
    log.note = add_signature(log.note, witness.sign(parse_note(log.note)->text)).value();
    MemoryFiles files = export_of(log);
    const VerifyReport report = verify_export(files);
    EXPECT_TRUE(report.is_sound()) << words_of(report);
    EXPECT_EQ(report.other_signatures, 1U);
}

TEST(Verifier, keeps_its_report_within_the_limit) {
    MemoryFiles files = big_export();
    for (auto& [path, bytes] : files.files)
        if (path.starts_with("tile/entries/")) bytes[50] ^= 1;
    const VerifyReport report = verify_export(files, {.findings_max = 5});
    EXPECT_EQ(report.findings.size(), 5U);
    EXPECT_EQ(report.findings_left_off, 35U);
}

TEST(Readme, its_shell_commands_check_the_signature_and_the_first_entry) {
    const TempFolder folder;
    write_folder(big_export(), folder.path);
    const std::string readme{as_text(big_export().files.at("README.txt"))};
    std::string script = "set -e\ncd '" + folder.path.string() + "'\n";
    std::size_t at = readme.find("  sed '/^$/,$d'");
    ASSERT_NE(at, std::string::npos);
    for (std::string_view rest = std::string_view{readme}.substr(at); !rest.empty();) {
        const std::size_t end = rest.find('\n');
        const std::string_view line = rest.substr(0, end);
        if (line.starts_with("  ")) script += std::string{line} + "\n";
        rest.remove_prefix(end + 1);
    }
    std::ofstream{folder.path / "script"} << script;
    const Ran ran = run("sh '" + (folder.path / "script").string() + "'");
    EXPECT_EQ(ran.exit_code, 0) << ran.output << script;
    EXPECT_THAT(ran.output, HasSubstr("Signature Verified Successfully"));
    EXPECT_THAT(ran.output, HasSubstr(to_hex(leaf_hash(big_log().stored[0]))));
}

}  // namespace
}  // namespace blotter::ledger
