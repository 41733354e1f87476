#include "security/key_file.hpp"

#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/test_random.hpp"

namespace blotter::security {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

const std::string first_key = to_base64(Bytes(32, 1));
const std::string second_key = to_base64(Bytes(32, 2));
const std::string first_line = master_key_id(Bytes(32, 1)) + " " + first_key;
const std::string second_line = master_key_id(Bytes(32, 2)) + " " + second_key;

class KeyFile : public testing::Test {
  protected:
    KeyFile() {
        std::string name = (fs::temp_directory_path() / "blotter-key-file-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    ~KeyFile() override { fs::remove_all(folder_); }

    fs::path write(const std::string& text, mode_t mode) const {
        const fs::path path = folder_ / "keys";
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
        return path;
    }
    static std::string read(const fs::path& path) {
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    }
    static unsigned mode_of(const fs::path& path) {
        struct stat status{};
        ::stat(path.c_str(), &status);
        return status.st_mode & 07777U;
    }

    fs::path folder_;
    TestRandom random_{11};
};

TEST(MasterKeys, reads_every_way_to_write_them) {
    const std::string both = first_line + "\n" + second_line + "\n";
    for (const std::string& text :
         {both, first_line + "," + second_line, "# note, with a comma\n\n  " + both,
          first_key + "\r\n\t" + second_line + "  ", first_key + ", " + second_key}) {
        const auto keys = MasterKeys::parse(text, "BLOTTER_TEST");
        ASSERT_TRUE(keys) << text << describe(keys.error());
        ASSERT_EQ(keys->all().size(), 2u);
        EXPECT_EQ(as_text(keys->current().key.expose()), std::string(32, 1));
        ASSERT_NE(keys->find(master_key_id(Bytes(32, 2))), nullptr);
        EXPECT_EQ(keys->find("0000000000000000"), nullptr);
        EXPECT_EQ(keys->copy().current().id, keys->current().id);
    }
}

TEST(MasterKeys, refuses_wrong_texts_and_shows_no_key_in_the_error) {
    std::string swapped = first_line;
    swapped.replace(17, std::string::npos, second_key);
    std::string many;
    for (std::uint8_t i = 0; i < 17; ++i) many += to_base64(Bytes(32, i)) + "\n";
    const struct {
        std::string text, says;
    } cases[] = {
        {"", "no key"},
        {"# nothing\n\n", "no key"},
        {to_base64(Bytes(31, 1)), "32 bytes"},
        {to_base64(Bytes(33, 1)), "32 bytes"},
        {first_key.substr(0, 43), "32 bytes"},
        {first_line + " tail", "32 bytes"},
        {swapped, "does not belong"},
        {first_line + "\n" + first_key, "twice"},
        {"\n\n" + first_line + "\nnonsense", "entry 4"},
        {many, "more than 16"},
    };
    for (const auto& c : cases) {
        const auto keys = MasterKeys::parse(c.text, "BLOTTER_TEST");
        ASSERT_FALSE(keys) << c.text;
        EXPECT_THAT(keys.error().detail, AllOf(HasSubstr(c.says), HasSubstr("BLOTTER_TEST"),
                                               Not(HasSubstr(first_key.substr(0, 20))),
                                               Not(HasSubstr(second_key.substr(0, 20)))));
    }
}

TEST_F(KeyFile, creates_one_that_only_the_user_can_read_and_never_overwrites) {
    const fs::path path = folder_ / "keys";
    ASSERT_TRUE(create_key_file(path, random_));
    EXPECT_EQ(mode_of(path), 0400u);
    const auto keys = MasterKeys::load_file(path);
    ASSERT_TRUE(keys) << describe(keys.error());
    EXPECT_EQ(keys->all().size(), 1u);
    const std::string before = read(path);
    const auto again = create_key_file(path, random_);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::conflict);
    EXPECT_EQ(read(path), before);
}

TEST_F(KeyFile, puts_a_new_key_in_front_and_keeps_the_older_ones) {
    const fs::path path = folder_ / "keys";
    ASSERT_TRUE(create_key_file(path, random_));
    const std::string old_id = MasterKeys::load_file(path)->current().id;
    ASSERT_TRUE(add_key_to_file(path, random_));
    const auto keys = MasterKeys::load_file(path);
    ASSERT_TRUE(keys);
    ASSERT_EQ(keys->all().size(), 2u);
    EXPECT_NE(keys->current().id, old_id);
    EXPECT_EQ(keys->all()[1].id, old_id);
    EXPECT_EQ(mode_of(path), 0400u);
    EXPECT_FALSE(fs::exists(folder_ / "keys.new"));
}

TEST_F(KeyFile, stops_adding_keys_at_sixteen) {
    const fs::path path = folder_ / "keys";
    ASSERT_TRUE(create_key_file(path, random_));
    for (int i = 1; i < 16; ++i) ASSERT_TRUE(add_key_to_file(path, random_)) << i;
    const auto more = add_key_to_file(path, random_);
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().code, Errc::too_large);
    EXPECT_EQ(MasterKeys::load_file(path)->all().size(), 16u);
}

TEST_F(KeyFile, is_refused_unless_its_mode_is_0400_or_0600) {
    for (const mode_t mode : {0400, 0600})
        EXPECT_TRUE(MasterKeys::load_file(write(first_line, mode)));
    for (const mode_t mode : {0644, 0440, 0604, 0666, 0700, 0500, 0620, 0602, 04600}) {
        const fs::path path = write(first_line, mode);
        const auto keys = MasterKeys::load_file(path);
        ASSERT_FALSE(keys) << std::oct << mode;
        EXPECT_THAT(keys.error().detail, HasSubstr("chmod 0400 '" + path.string() + "'"));
        EXPECT_THAT(keys.error().detail, HasSubstr(fmt::format("mode {:04o}", mode)));
    }
}

TEST_F(KeyFile, of_root_is_read_where_systemd_hands_over_credentials_and_nowhere_else) {
    if (::geteuid() != 0) {
        // A file of root that everybody can open stands for one that was put there by somebody.
        EXPECT_FALSE(MasterKeys::load_file("/etc/passwd", "/etc"));
        return;
    }
    const fs::path path = write(first_line, 0440);
    EXPECT_TRUE(MasterKeys::load_file(path, folder_));
    EXPECT_TRUE(MasterKeys::load_file(path, folder_.parent_path()));
    EXPECT_FALSE(MasterKeys::load_file(path)) << "not among the credentials";
    EXPECT_FALSE(MasterKeys::load_file(path, folder_ / "other"));
    ::chmod(path.c_str(), 0444);
    EXPECT_FALSE(MasterKeys::load_file(path, folder_)) << "everybody may read it";
    ::chmod(path.c_str(), 0440);
    ASSERT_EQ(::chown(path.c_str(), 0, 1), 0);
    EXPECT_FALSE(MasterKeys::load_file(path, folder_)) << "another group may read it";
    ASSERT_EQ(::chown(path.c_str(), 0, 0), 0);
    ::chmod(folder_.c_str(), 0777);
    EXPECT_FALSE(MasterKeys::load_file(path, folder_)) << "anybody may replace it";
}

TEST_F(KeyFile, is_refused_when_it_belongs_to_another_user) {
    const fs::path path = write(first_line, 0400);
    if (::chown(path.c_str(), ::geteuid() + 1, static_cast<gid_t>(-1)) == 0) {
        const auto keys = MasterKeys::load_file(path);
        ASSERT_FALSE(keys);
        EXPECT_THAT(keys.error().detail, AllOf(HasSubstr("chown"), HasSubstr(path.string())));
        return;
    }
    // Without the right to give files away: a file of root that everybody can open does as well.
    const auto keys = MasterKeys::load_file("/etc/passwd");
    ASSERT_FALSE(keys);
    EXPECT_THAT(keys.error().detail, AllOf(HasSubstr("chown"), HasSubstr("/etc/passwd")));
}

TEST_F(KeyFile, is_refused_when_missing_too_large_or_no_file) {
    const auto missing = MasterKeys::load_file(folder_ / "none");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
    EXPECT_THAT(missing.error().detail, HasSubstr((folder_ / "none").string()));

    const auto large = MasterKeys::load_file(write(std::string(key_file_bytes_max + 1, '#'), 0400));
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().code, Errc::too_large);

    EXPECT_THAT(MasterKeys::load_file(folder_).error().detail, HasSubstr("not a plain file"));
    ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0400), 0);
    EXPECT_THAT(MasterKeys::load_file(folder_ / "pipe").error().detail,
                HasSubstr("not a plain file"))
        << "and the reader did not wait for a writer";
}

}  // namespace
}  // namespace blotter::security
