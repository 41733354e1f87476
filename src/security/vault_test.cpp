#include "security/vault.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/test_random.hpp"

namespace blotter::security {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr Timestamp now = from_ms(1'780'000'000'000);
const WorkspaceId workspace{.value = {1, 2, 3}};
const WorkspaceId other_workspace{.value = {1, 2, 4}};
const Bytes row{7, 7, 7};

MasterKeys masters_of(std::vector<std::uint8_t> seeds) {
    std::string text;
    for (const std::uint8_t seed : seeds) text += to_base64(Bytes(32, seed)) + "\n";
    return *MasterKeys::parse(text, "the test");
}

Cell cell_of(std::string_view column = "secret") {
    return {workspace, "destination", column, row};
}

struct Fixture {
    explicit Fixture(std::vector<std::uint8_t> seeds = {1}) : vault(masters_of(seeds), random) {}
    TestRandom random{5};
    Vault vault;
};

TEST(Vault, opens_what_it_sealed_and_seals_nothing_twice_alike) {
    Fixture f;
    f.vault.create_key(workspace, KeyPurpose::secrets, now);
    for (const std::size_t size : {0, 1, 16, 700, 100'000}) {
        const Bytes plain(size, 0x5a);
        const auto sealed = f.vault.seal(cell_of(), plain);
        ASSERT_TRUE(sealed);
        EXPECT_EQ(sealed->size(), size + 37) << "version, key id, nonce and tag";
        EXPECT_NE(*sealed, *f.vault.seal(cell_of(), plain));
        const auto opened = f.vault.open(cell_of(), *sealed);
        ASSERT_TRUE(opened);
        EXPECT_EQ(Bytes(opened->expose().begin(), opened->expose().end()), plain);
    }
}

TEST(Vault, writes_the_documented_format) {
    Fixture f;
    const WrappedKey wrapped = f.vault.create_key(workspace, KeyPurpose::secrets, now);
    const Bytes sealed = *f.vault.seal(cell_of(), as_bytes("hello"));

    // Unwrap and open with nothing but the cipher and the description in the headers.
    const auto put = [](Bytes& out, ByteView part) {
        out.insert(out.end(), part.begin(), part.end());
    };
    Bytes wrap_aad;
    put(wrap_aad, as_bytes("blotter workspace key v1"));
    put(wrap_aad, wrapped.id);
    put(wrap_aad, workspace.bytes());
    put(wrap_aad, Bytes{1});
    put(wrap_aad, *from_hex("0000019e70448800"));  // 1 780 000 000 000 ms
    put(wrap_aad, as_bytes(master_key_id(Bytes(32, 1))));
    GcmNonce nonce;
    std::copy_n(wrapped.wrapped.begin(), 12, nonce.begin());
    Bytes key(32);
    ASSERT_TRUE(AesGcm(Bytes(32, 1))
                    .open(nonce, wrap_aad, ByteView{wrapped.wrapped}.subspan(12), key.data()));

    ASSERT_EQ(sealed[0], 1);
    EXPECT_TRUE(std::equal(wrapped.id.begin(), wrapped.id.end(), sealed.begin() + 1));
    Bytes aad{1};
    put(aad, workspace.bytes());
    put(aad, Bytes{11});
    put(aad, as_bytes("destination"));
    put(aad, Bytes{6});
    put(aad, as_bytes("secret"));
    put(aad, Bytes{0, 3, 7, 7, 7});
    put(aad, wrapped.id);
    std::copy_n(sealed.begin() + 9, 12, nonce.begin());
    Bytes plain(5);
    ASSERT_TRUE(AesGcm(key).open(nonce, aad, ByteView{sealed}.subspan(21), plain.data()));
    EXPECT_EQ(as_text(plain), "hello");
}

TEST(Vault, refuses_a_value_in_any_other_place) {
    Fixture f;
    f.vault.create_key(workspace, KeyPurpose::secrets, now);
    f.vault.create_key(other_workspace, KeyPurpose::secrets, now);
    const Bytes sealed = *f.vault.seal(cell_of(), as_bytes("a secret"));
    const Bytes other_row{7, 7, 8};
    const Bytes longer_row{7, 7, 7, 7};
    const Cell wrong[] = {
        {other_workspace, "destination", "secret", row},
        {workspace, "source", "secret", row},
        {workspace, "destination", "bearer", row},
        {workspace, "destination", "secret", other_row},
        {workspace, "destination", "secret", longer_row},
        {workspace, "destinationsecret", "s", row},
        {workspace, "destinations", "ecret", row},
    };
    for (const Cell& cell : wrong) {
        const auto opened = f.vault.open(cell, sealed);
        ASSERT_FALSE(opened) << cell.table << "." << cell.column;
        EXPECT_EQ(opened.error().code, Errc::corrupt);
    }
    EXPECT_TRUE(f.vault.open(cell_of(), sealed));
}

TEST(Vault, refuses_every_changed_or_cut_blob) {
    Fixture f;
    f.vault.create_key(workspace, KeyPurpose::secrets, now);
    const Bytes sealed = *f.vault.seal(cell_of(), as_bytes("a secret"));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        Bytes wrong = sealed;
        wrong[i] ^= 0x40;
        EXPECT_FALSE(f.vault.open(cell_of(), wrong)) << i;
        EXPECT_FALSE(f.vault.open(cell_of(), ByteView{sealed}.first(i))) << i;
    }
    Bytes longer = sealed;
    longer.push_back(0);
    EXPECT_FALSE(f.vault.open(cell_of(), longer));
}

TEST(Vault, opens_in_another_vault_that_was_given_the_same_keys) {
    Fixture a;
    Fixture b;
    const WrappedKey wrapped = a.vault.create_key(workspace, KeyPurpose::secrets, now);
    const Bytes sealed = *a.vault.seal(cell_of(), as_bytes("x"));
    const auto without = b.vault.open(cell_of(), sealed);
    ASSERT_FALSE(without);
    EXPECT_EQ(without.error().code, Errc::unavailable);
    ASSERT_TRUE(b.vault.load_key(wrapped));
    ASSERT_TRUE(b.vault.load_key(wrapped)) << "loading twice changes nothing";
    EXPECT_EQ(b.vault.open(cell_of(), sealed)->expose_text(), "x");
    EXPECT_TRUE(b.vault.is_current(cell_of(), KeyPurpose::secrets, sealed));
}

TEST(Vault, says_which_key_is_missing_when_sealing_without_one) {
    Fixture f;
    EXPECT_FALSE(f.vault.has_key(workspace, KeyPurpose::secrets));
    const auto sealed = f.vault.seal(cell_of(), as_bytes("x"));
    ASSERT_FALSE(sealed);
    EXPECT_THAT(sealed.error().detail, HasSubstr(workspace.text()));
    f.vault.create_key(workspace, KeyPurpose::payloads, now);
    EXPECT_FALSE(f.vault.seal(cell_of(), as_bytes("x"))) << "a payload key is for payloads";
}

TEST(Vault, follows_a_workspace_key_with_a_new_one_while_the_old_one_still_opens) {
    Fixture f;
    const WrappedKey first = f.vault.create_key(workspace, KeyPurpose::secrets, now);
    const Bytes old_value = *f.vault.seal(cell_of(), as_bytes("old"));
    const WrappedKey second = f.vault.create_key(workspace, KeyPurpose::secrets, now);
    EXPECT_GT(second.created_at, first.created_at) << "even within one millisecond";
    const Bytes new_value = *f.vault.seal(cell_of(), as_bytes("new"));
    EXPECT_EQ(f.vault.open(cell_of(), old_value)->expose_text(), "old");
    EXPECT_EQ(f.vault.open(cell_of(), new_value)->expose_text(), "new");
    EXPECT_FALSE(f.vault.is_current(cell_of(), KeyPurpose::secrets, old_value));
    EXPECT_TRUE(f.vault.is_current(cell_of(), KeyPurpose::secrets, new_value));

    // Whatever the order of loading, the newest one seals.
    Fixture other;
    ASSERT_TRUE(other.vault.load_key(second));
    ASSERT_TRUE(other.vault.load_key(first));
    EXPECT_TRUE(other.vault.is_current(cell_of(), KeyPurpose::secrets,
                                       *other.vault.seal(cell_of(), as_bytes("x"))));
    EXPECT_TRUE(f.vault.is_current(cell_of(), KeyPurpose::secrets,
                                   *other.vault.seal(cell_of(), as_bytes("x"))));

    f.vault.forget_key(first.id);
    EXPECT_FALSE(f.vault.open(cell_of(), old_value));
    EXPECT_TRUE(f.vault.open(cell_of(), new_value));
    f.vault.forget_key(second.id);
    EXPECT_FALSE(f.vault.has_key(workspace, KeyPurpose::secrets));
    f.vault.forget_key(second.id);
}

TEST(Vault, falls_back_to_the_older_key_when_the_newest_is_forgotten) {
    Fixture f;
    f.vault.create_key(workspace, KeyPurpose::secrets, now);
    const WrappedKey second = f.vault.create_key(workspace, KeyPurpose::secrets, now + 1s);
    f.vault.create_key(other_workspace, KeyPurpose::secrets, now + 2s);
    f.vault.forget_key(second.id);
    const auto sealed = f.vault.seal(cell_of(), as_bytes("x"));
    ASSERT_TRUE(sealed);
    EXPECT_EQ(f.vault.open(cell_of(), *sealed)->expose_text(), "x");
}

TEST(Vault, asks_for_a_new_workspace_key_after_a_year) {
    Fixture f;
    EXPECT_FALSE(f.vault.is_key_due(workspace, KeyPurpose::secrets, now));
    f.vault.create_key(workspace, KeyPurpose::secrets, now);
    EXPECT_FALSE(f.vault.is_key_due(workspace, KeyPurpose::secrets, now + 24h * 365 - 1ms));
    EXPECT_TRUE(f.vault.is_key_due(workspace, KeyPurpose::secrets, now + 24h * 365));
}

TEST(Vault, rewraps_under_a_new_master_key_while_everything_stays_readable) {
    Fixture before({1});
    const WrappedKey wrapped = before.vault.create_key(workspace, KeyPurpose::secrets, now);
    const Bytes sealed = *before.vault.seal(cell_of(), as_bytes("kept"));
    EXPECT_FALSE(before.vault.needs_rewrap(wrapped));

    Fixture during({2, 1});
    ASSERT_TRUE(during.vault.load_key(wrapped));
    EXPECT_TRUE(during.vault.needs_rewrap(wrapped));
    const auto rewrapped = during.vault.rewrap(wrapped);
    ASSERT_TRUE(rewrapped);
    EXPECT_EQ(rewrapped->id, wrapped.id);
    EXPECT_FALSE(during.vault.needs_rewrap(*rewrapped));
    EXPECT_EQ(during.vault.open(cell_of(), sealed)->expose_text(), "kept");

    Fixture after({2});
    const auto old = after.vault.load_key(wrapped);
    ASSERT_FALSE(old);
    EXPECT_EQ(old.error().code, Errc::precondition_failed);
    ASSERT_TRUE(after.vault.load_key(*rewrapped));
    EXPECT_EQ(after.vault.open(cell_of(), sealed)->expose_text(), "kept");
}

TEST(Vault, refuses_a_stored_key_with_anything_changed) {
    Fixture f;
    const WrappedKey good = f.vault.create_key(workspace, KeyPurpose::secrets, now);
    const auto refused = [](const WrappedKey& wrapped) {
        Fixture fresh({1, 2});
        return !fresh.vault.load_key(wrapped) &&
               !fresh.vault.has_key(workspace, KeyPurpose::secrets);
    };
    EXPECT_FALSE(refused(good));
    for (std::size_t i = 0; i < good.wrapped.size(); ++i) {
        WrappedKey wrong = good;
        wrong.wrapped[i] ^= 1;
        EXPECT_TRUE(refused(wrong)) << i;
        wrong.wrapped.resize(i);
        EXPECT_TRUE(refused(wrong)) << i;
    }
    for (std::size_t i = 0; i < good.commitment.size(); ++i) {
        WrappedKey wrong = good;
        wrong.commitment[i] ^= 1;
        EXPECT_TRUE(refused(wrong)) << i;
    }
    WrappedKey wrong = good;
    wrong.id[0] ^= 1;
    EXPECT_TRUE(refused(wrong));
    wrong = good;
    wrong.workspace = other_workspace;
    EXPECT_TRUE(refused(wrong));
    wrong = good;
    wrong.purpose = KeyPurpose::payloads;
    EXPECT_TRUE(refused(wrong));
    wrong.purpose = static_cast<KeyPurpose>(9);
    EXPECT_TRUE(refused(wrong));
    wrong = good;
    wrong.created_at += 1ms;
    EXPECT_TRUE(refused(wrong));
    wrong = good;
    wrong.master_id = master_key_id(Bytes(32, 2));
    EXPECT_TRUE(refused(wrong));
}

TEST(Vault, knows_its_canary_and_no_other) {
    Fixture f({1});
    const Bytes canary = f.vault.make_canary();
    EXPECT_TRUE(f.vault.check_canary(canary));
    EXPECT_FALSE(f.vault.is_canary_outdated(canary));

    Fixture wrong({2});
    const auto refused = wrong.vault.check_canary(canary);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::precondition_failed);
    EXPECT_THAT(refused.error().detail, HasSubstr(master_key_id(Bytes(32, 1))));

    Fixture rotated({2, 1});
    EXPECT_TRUE(rotated.vault.check_canary(canary));
    EXPECT_TRUE(rotated.vault.is_canary_outdated(canary));

    for (std::size_t i = 0; i < canary.size(); ++i) {
        Bytes changed = canary;
        changed[i] ^= 1;
        EXPECT_FALSE(f.vault.check_canary(changed)) << i;
        EXPECT_FALSE(f.vault.check_canary(ByteView{canary}.first(i))) << i;
    }
}

class Payloads : public testing::Test {
  protected:
    Payloads() { payload_key_ = f_.vault.create_key(workspace, KeyPurpose::payloads, now); }
    Fixture f_;
    WrappedKey payload_key_;
    Cell key_cell_{workspace, "subject", "data_key", row};
    Cell cell_{workspace, "event", "payload", row};
};

TEST_F(Payloads, open_with_the_data_key_of_their_subject) {
    const auto made = f_.vault.create_data_key(key_cell_);
    ASSERT_TRUE(made);
    EXPECT_EQ(made->wrapped.size(), 69u);
    const Bytes payload(700, 0x42);
    const Bytes sealed = f_.vault.seal_payload(made->key, cell_, payload);
    EXPECT_EQ(sealed.size(), payload.size() + 29);

    Fixture later;
    ASSERT_TRUE(later.vault.load_key(payload_key_));
    const auto key = later.vault.open_data_key(key_cell_, made->wrapped);
    ASSERT_TRUE(key) << describe(key.error());
    EXPECT_EQ(*later.vault.open_payload(*key, cell_, sealed), payload);
    EXPECT_EQ(later.vault.commit(*key, payload), f_.vault.commit(made->key, payload));
}

TEST_F(Payloads, refuse_any_change_another_place_and_another_subject) {
    const auto made = f_.vault.create_data_key(key_cell_);
    const auto other = f_.vault.create_data_key(key_cell_);
    const Bytes sealed = f_.vault.seal_payload(made->key, cell_, as_bytes("personal data"));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        Bytes wrong = sealed;
        wrong[i] ^= 1;
        EXPECT_FALSE(f_.vault.open_payload(made->key, cell_, wrong)) << i;
        EXPECT_FALSE(f_.vault.open_payload(made->key, cell_, ByteView{sealed}.first(i))) << i;
    }
    EXPECT_FALSE(f_.vault.open_payload(other->key, cell_, sealed));
    EXPECT_FALSE(f_.vault.open_payload(made->key, key_cell_, sealed));
    EXPECT_TRUE(f_.vault.open_payload(made->key, cell_, sealed));
}

TEST_F(Payloads, commit_to_the_payload_and_the_subject_alone) {
    const auto made = f_.vault.create_data_key(key_cell_);
    const auto other = f_.vault.create_data_key(key_cell_);
    const Digest digest = f_.vault.commit(made->key, as_bytes("p"));
    EXPECT_EQ(digest, f_.vault.commit(made->key, as_bytes("p")));
    EXPECT_NE(digest, f_.vault.commit(made->key, as_bytes("q")));
    EXPECT_NE(digest, f_.vault.commit(other->key, as_bytes("p"))) << "nobody can guess and compare";
    EXPECT_NE(digest, sha256("p"));
}

TEST_F(Payloads, are_lost_with_the_workspace_key_and_moved_by_rewrapping_the_data_key) {
    const auto made = f_.vault.create_data_key(key_cell_);
    f_.vault.create_key(workspace, KeyPurpose::payloads, now + 1s);
    const auto moved = f_.vault.rewrap_data_key(key_cell_, made->wrapped);
    ASSERT_TRUE(moved);
    EXPECT_TRUE(f_.vault.is_current(key_cell_, KeyPurpose::payloads, *moved));
    EXPECT_FALSE(f_.vault.is_current(key_cell_, KeyPurpose::payloads, made->wrapped));
    f_.vault.forget_key(payload_key_.id);
    EXPECT_FALSE(f_.vault.open_data_key(key_cell_, made->wrapped));
    const auto key = f_.vault.open_data_key(key_cell_, *moved);
    ASSERT_TRUE(key);
    EXPECT_EQ(f_.vault.commit(*key, as_bytes("p")), f_.vault.commit(made->key, as_bytes("p")));
}

TEST_F(Payloads, need_their_own_kind_of_wrapping) {
    const auto made = f_.vault.create_data_key(key_cell_);
    EXPECT_FALSE(f_.vault.open(key_cell_, made->wrapped)) << "a data key is never given out";
    f_.vault.create_key(workspace, KeyPurpose::secrets, now);
    EXPECT_FALSE(f_.vault.open_data_key(key_cell_, *f_.vault.seal(key_cell_, Bytes(32, 1))));
}

}  // namespace
}  // namespace blotter::security
