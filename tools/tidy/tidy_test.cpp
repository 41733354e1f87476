#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tidy/checks.hpp"
#include "tidy/source.hpp"

namespace blotter::tidy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Found = std::vector<std::string>;

Found to_texts(const std::vector<Finding>& findings) {
    Found out;
    for (const Finding& finding : findings) out.push_back(to_text(finding));
    return out;
}

Found texts(std::string path, std::string text) {
    return to_texts(check_texts({{std::move(path), std::move(text)}}));
}
Found functions(std::string text) {
    return to_texts(check_functions({{"src/a/a.cpp", std::move(text)}}));
}

std::string repeated(std::size_t times, const std::string& line) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += line;
    return out;
}

TEST(Source, tells_code_from_comments_and_strings) {
    const std::pair<const char*, const char*> cases[] = {
        {"a // b\nc", "a     \nc"},
        {"a /* b\nc */ d", "a     \n     d"},
        {"f(\"x // y\") // z", "f(\"      \")     "},
        {"'\"' + \"'\"", "' ' + \" \""},
        {"\"a\\\"b\" c", "\"    \" c"},
        {"1'000 + 0xff'ff", "1'000 + 0xff'ff"},
        {"u8'x' y", "u8' ' y"},
        {"R\"(a \" // b)\" c", " \"          \" c"},
        {"R\"x(a )\" b)x\" c", " \"          \" c"},
    };
    for (const auto& [text, code] : cases) EXPECT_EQ(Source{text}.code, code) << text;
    EXPECT_EQ(Source{"a // b"}.comments, "  // b");
}

TEST(Source, survives_text_that_ends_in_the_middle) {
    for (const char* text : {"\"", "'", "\"\\", "/*", "R\"", "R\"(", "R\"x(a)\"", "//", "\\"})
        EXPECT_EQ(Source{text}.code.size(), std::string_view{text}.size()) << text;
}

TEST(Source, finds_whole_words_and_lines) {
    const Source source{"printer();\nsnprintf();\nprintf();"};
    const std::size_t at = find_word(source.code, "printf");
    EXPECT_EQ(source.line_at(at), 3U);
    EXPECT_EQ(find_word(source.code, "print"), std::string::npos);
}

TEST(TextChecks, measure_files_by_kind) {
    EXPECT_THAT(texts("src/a/a.hpp", "#pragma once\n" + repeated(249, "\n")), IsEmpty());
    EXPECT_THAT(texts("src/a/a.hpp", "#pragma once\n" + repeated(250, "\n")),
                ElementsAre("src/a/a.hpp:251: 251 lines, at most 250; split the file by subject"));
    EXPECT_THAT(texts("src/a/a.cpp", repeated(600, "\n")), IsEmpty());
    EXPECT_THAT(texts("src/a/a.cpp", repeated(601, "\n")), testing::SizeIs(1));
    EXPECT_THAT(texts("src/a/a_test.cpp", repeated(800, "\n")), IsEmpty());
    EXPECT_THAT(texts("src/a/a_test.cpp", repeated(801, "\n")), testing::SizeIs(1));
}

TEST(TextChecks, count_columns_in_characters_and_spare_raw_strings) {
    EXPECT_THAT(texts("src/a/a.cpp", "// " + repeated(97, "é") + "\n"), IsEmpty());
    EXPECT_THAT(texts("src/a/a.cpp", "\n// " + repeated(98, "é") + "\n"),
                ElementsAre("src/a/a.cpp:2: 101 columns, at most 100; run clang-format-19 or break "
                            "the text"));
    EXPECT_THAT(texts("src/a/a.cpp", "auto x = R\"(" + std::string(200, 'x') + ")\";\n"),
                IsEmpty());
}

TEST(TextChecks, ban_calls_outside_their_folders) {
    const std::string call = "auto t = std::chrono::system_clock::now();\n";
    EXPECT_THAT(texts("src/a/a.cpp", "\n" + call),
                ElementsAre("src/a/a.cpp:2: system_clock::now is banned here; take the time from "
                            "runtime::Clock"));
    EXPECT_THAT(texts("src/runtime/clock.cpp", call), IsEmpty());
    EXPECT_THAT(texts("src/a/a.cpp", "// " + call), IsEmpty());
    EXPECT_THAT(texts("src/a/a.cpp", "auto s = \"getenv\";"), IsEmpty());
    EXPECT_THAT(texts("src/a/a.cpp", "my_getenv(); getenv_all();"), IsEmpty());
    EXPECT_THAT(texts("src/a/a.cpp", "static_assert(true);"), IsEmpty());
    EXPECT_THAT(texts("src/cli/main.cpp", "fmt::print(\"x\"); printf(\"x\");"), IsEmpty());
}

TEST(TextChecks, name_every_banned_call) {
    for (const char* call :
         {"std::random_device d;", "std::rand();", "std::this_thread::sleep_for(x);", "getenv(x);",
          "strcpy(a, b);", "std::printf(x);", "std::cout << x;", "std::regex r;", "assert(x);",
          "runtime::start(e, f());", "asio::co_spawn(e, f(), x);", "asio::use_awaitable;",
          "thread.detach();", "std::stoi(x);", "RAND_bytes(a, 3);", "fmt::print(x);"})
        EXPECT_THAT(texts("src/a/a.cpp", call), testing::SizeIs(1)) << call;
}

TEST(TextChecks, want_pragma_once_and_no_using_namespace_in_headers) {
    EXPECT_THAT(texts("src/a/a.hpp", "// Why.\n\n#pragma once\n"), IsEmpty());
    EXPECT_THAT(texts("src/a/a.hpp", "#include <x>\n#pragma once\n"),
                ElementsAre("src/a/a.hpp:1: a header begins with #pragma once; add it above "
                            "everything but comments"));
    EXPECT_THAT(texts("src/a/a.hpp", "#pragma once\nusing namespace std;\n"),
                ElementsAre("src/a/a.hpp:2: using namespace in a header reaches every includer; "
                            "name what is used"));
    EXPECT_THAT(texts("src/a/a.cpp", "using namespace std::chrono_literals;"), IsEmpty());
}

TEST(TextChecks, want_a_kind_for_each_postponed_thing) {
    const std::string todo = std::string{"TO"} + "DO";
    const std::string fixme = std::string{"FIX"} + "ME";
    EXPECT_THAT(texts("src/a/a.cpp", "// " + todo + "(perf): measure\n"), IsEmpty());
    EXPECT_THAT(texts("src/a/a.cpp", "int " + todo + ";\nf(\"" + todo + "\");"), IsEmpty());
    EXPECT_THAT(texts("src/a/a.cpp", "// " + todo + ": later\n"),
                ElementsAre("src/a/a.cpp:1: " + todo + " without a kind; write " + todo +
                            "(perf|cleanup|security|port):"));
    EXPECT_THAT(texts("tools/x.py", "# " + todo + "(someday): x\n# " + fixme + "\n"),
                testing::SizeIs(2));
}

TEST(TextChecks, want_one_title_per_page) {
    EXPECT_THAT(texts("a.md", "# A\n\n## B\n```\n# not a title\n```\n"), IsEmpty());
    EXPECT_THAT(texts("a.md", "# A\n# B\n"),
                ElementsAre("a.md:2: a second title; a page has one, make this a ## section"));
    EXPECT_THAT(texts("a.md", "text\n"),
                ElementsAre("a.md:1: a page begins with its title; write \"# Title\" in the first "
                            "line"));
    EXPECT_THAT(texts("a.md", ""), testing::SizeIs(1));
}

TEST(TextChecks, refuse_paths_of_one_machine) {
    const std::string root = std::string{"/ro"} + "ot/";
    EXPECT_THAT(texts("a.sh", "cd " + root + "x\n"),
                ElementsAre("a.sh:1: a path of one machine (" + root + "); write a relative one"));
    EXPECT_THAT(texts("a.sh", "cd $x.y" + root + "z tree" + root + "\n"), IsEmpty());
}

TEST(FunctionChecks, measure_functions_wherever_they_stand) {
    const std::string body = repeated(70, "    x();\n");
    const std::pair<std::string, const char*> cases[] = {
        {"void f(int a) {\n" + body + "}\n", "src/a/a.cpp:1: f has 72 lines"},
        {"namespace a {\nint A::g() const noexcept {\n" + body + "}\n}\n",
         "src/a/a.cpp:2: A::g has 72 lines"},
        {"struct A {\n  A() : a_{1}, b_(2), c_{{3}} {\n" + body + "  }\n};\n",
         "src/a/a.cpp:2: A has 72 lines"},
        {"template <class T>\nauto f(T t) -> std::vector<T> {\n" + body + "}\n",
         "src/a/a.cpp:2: f has 72 lines"},
        {"class B final : public A<int> {\n public:\n  void f() override {\n" + body + "}\n};\n",
         "src/a/a.cpp:3: f has 72 lines"},
        {"TEST(A, b) {\n" + body + "}\n", "src/a/a.cpp:1: TEST has 72 lines"},
        {"#define X(a) \\\n  if (a) {\nvoid f() {\n" + body + "}\n",
         "src/a/a.cpp:3: f has 72 lines"},
        {"const int x{3};\nconst auto y = g({1, 2});\nvoid f() {\n" + body + "}\n",
         "src/a/a.cpp:3: f has 72 lines"},
        {"void f(std::function<void()> g = [] { h(); }) {\n" + body + "}\n",
         "src/a/a.cpp:1: f has 72 lines"},
    };
    for (const auto& [text, start] : cases)
        EXPECT_THAT(functions(text), ElementsAre(testing::StartsWith(start))) << text;
}

TEST(FunctionChecks, spare_short_functions_types_and_tables) {
    const std::string lines = repeated(100, "    1,\n");
    const std::string members = repeated(50, "    void f() { g(); }\n    int x = 3;\n");
    for (const std::string& text :
         {"void f() {\n" + repeated(68, "    x();\n") + "}\n", "struct A {\n" + members + "};\n",
          "const int a[] = {\n" + lines + "};\n", "enum class E {\n" + lines + "};\n",
          "constexpr auto a = std::to_array<int>({\n" + lines + "});\n",
          "struct alignas(64) A {\n" + members + "};\n",
          "namespace a {\n" + repeated(40, "void f() {\n}\n") + "}\n"})
        EXPECT_THAT(functions(text), IsEmpty()) << text;
}

TEST(FunctionChecks, find_awaits_that_decide) {
    for (const char* line :
         {"if (co_await f()) return;", "while (!co_await f()) {}", "switch (co_await f()) {}",
          "if (auto x = co_await f(); x) {}", "x = a ? co_await b() : c;", "x = a && co_await b();",
          "for (int i = 0; co_await f(); ++i) {}"})
        EXPECT_THAT(functions(line),
                    ElementsAre("src/a/a.cpp:1: co_await inside a condition; give the value a name "
                                "first"))
            << line;
    for (const char* line :
         {"const bool due = co_await f(); if (due) return;", "CO_TRY(auto x, co_await f());",
          "co_return co_await f();", "for (auto x : co_await f()) {}", "// if (co_await f())",
          "if (x) co_await f();"})
        EXPECT_THAT(functions(line), IsEmpty()) << line;
}

/// A small house: base (0) below store (3), routing and ledger (both 4).
std::vector<File> house(std::vector<File> more) {
    std::vector<File> files{
        {"src/base/CMakeLists.txt", "blotter_room(base)\n"},
        {"src/base/README.md", "# base\n"},
        {"src/store/CMakeLists.txt",
         "# blotter_room(x)\nblotter_room(store DEPENDS base\n LIBS a)\n"},
        {"src/store/README.md", "# store\n"},
        {"src/ledger/CMakeLists.txt",
         "blotter_room(ledger DEPENDS store TEST_LIBS blotter_runtime)\n"},
        {"src/ledger/README.md", "# ledger\n"},
    };
    files.insert(files.end(), more.begin(), more.end());
    return files;
}

Found structure(std::vector<File> more) {
    return to_texts(check_structure(house(std::move(more))));
}

TEST(StructureChecks, let_a_room_see_what_is_below_it) {
    EXPECT_THAT(structure({{"src/base/a.hpp", ""},
                           {"src/ledger/l.cpp", "#include \"base/a.hpp\"\n#include <vector>\n"},
                           {"src/ledger/l_test.cpp", "#include \"runtime/clock.hpp\"\n"}}),
                IsEmpty());
}

TEST(StructureChecks, refuse_includes_from_above_or_aside) {
    EXPECT_THAT(
        structure({{"src/store/s.cpp", "\n#include \"ledger/l.hpp\"\n"},
                   {"src/ledger/l.cpp", "#include \"runtime/clock.hpp\"\n"},
                   {"src/ledger/l2.cpp", "// #include \"api/a.hpp\"\n"}}),
        ElementsAre("src/store/s.cpp:2: \"ledger/l.hpp\" is out of sight; room store does "
                    "not list ledger in DEPENDS",
                    "src/ledger/l.cpp:1: \"runtime/clock.hpp\" is out of sight; room ledger "
                    "does not list runtime in DEPENDS"));
}

TEST(StructureChecks, refuse_rooms_that_depend_upwards_or_on_nothing_known) {
    EXPECT_THAT(
        structure({{"src/routing/CMakeLists.txt", "blotter_room(routing DEPENDS ledger cellar)\n"},
                   {"src/routing/README.md", "# r\n"},
                   {"src/attic/CMakeLists.txt", "blotter_room(attic)\n"},
                   {"src/attic/README.md", "# a\n"}}),
        ElementsAre("src/attic/CMakeLists.txt:1: room attic has no layer; add it to "
                    "tools/tidy/structure_checks.cpp",
                    "src/routing/CMakeLists.txt:1: there is no room cellar",
                    "src/routing/CMakeLists.txt:1: routing (layer 4) depends on ledger (layer 4); "
                    "move what both need lower, or pass it in from above"));
}

TEST(StructureChecks, know_the_way_of_an_event_from_bottom_to_top) {
    const std::pair<const char*, const char*> above_and_below[] = {
        {"connectors", "routing"}, {"intake", "connectors"}, {"delivery", "intake"},
        {"reconcile", "delivery"}, {"api", "reconcile"},     {"cli", "api"},
        {"server", "cli"},
    };
    const auto depends = [](const std::string& from, const std::string& on) {
        return structure(
            {{"src/" + from + "/CMakeLists.txt", "blotter_room(" + from + " DEPENDS " + on + ")\n"},
             {"src/" + from + "/README.md", "# r\n"}});
    };
    for (const auto& [above, below] : above_and_below) {
        EXPECT_THAT(depends(above, below), IsEmpty()) << above;
        EXPECT_THAT(depends(below, above), testing::SizeIs(1)) << below;
    }
}

TEST(StructureChecks, want_a_short_readme_in_each_room) {
    EXPECT_THAT(
        structure({{"src/http/CMakeLists.txt", "blotter_room(http DEPENDS base)\n"},
                   {"src/model/CMakeLists.txt", "blotter_room(model)\n"},
                   {"src/model/README.md", repeated(41, "x\n")}}),
        ElementsAre("src/http/CMakeLists.txt:1: the room has no README.md; write its "
                    "purpose, invariants, limits and threads",
                    "src/model/README.md:41: 41 lines, at most 40; move the rest to docs/"));
}

TEST(StructureChecks, keep_heavy_headers_out_of_headers) {
    EXPECT_THAT(structure({{"src/store/s.hpp", "#include <sqlite3.h>\n"},
                           {"src/store/s.cpp",
                            "#include \"store/s.hpp\"\n#include <boost/beast/http.hpp>\n"}}),
                ElementsAre("src/store/s.hpp:1: <sqlite3.h> in a header costs every includer "
                            "seconds; include it in one .cpp and hide it"));
}

TEST(StructureChecks, find_headers_that_nobody_includes) {
    EXPECT_THAT(structure({{"src/base/dead.hpp", ""},
                           {"src/base/used.def", ""},
                           {"src/base/a.cpp", "#include \"base/used.def\"\n"}}),
                ElementsAre("src/base/dead.hpp:1: nobody includes this; use it or delete it"));
}

TEST(Tree, is_read_without_build_output_packages_and_binaries) {
    std::string name = testing::TempDir() + "blotter_tidy_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    const std::filesystem::path root{name};
    for (const char* folder : {"src/a", "build/x", "web/node_modules/y", ".git"})
        std::filesystem::create_directories(root / folder);
    for (const char* file : {"src/a/b.cpp", "build/x/c.cpp", "web/node_modules/y/d.md", ".git/e",
                             "web/package-lock.json", "README.md"})
        std::ofstream{root / file} << "text\n";
    std::ofstream{root / "src/a/binary"} << std::string{"a\0b", 3};
    Found paths;
    for (const File& file : read_tree(root)) paths.push_back(file.path);
    EXPECT_THAT(paths, ElementsAre("README.md", "src/a/b.cpp"));
    std::filesystem::remove_all(root);
}

TEST(CheckAll, sorts_findings_by_place) {
    const auto found = check_all({{"b.md", "x\n"}, {"a.md", "# A\n# B\n"}});
    EXPECT_THAT(to_texts(found),
                ElementsAre(testing::StartsWith("a.md:2"), testing::StartsWith("b.md:1")));
}

}  // namespace
}  // namespace blotter::tidy
