#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "server/serve.hpp"
#include "server/version.hpp"

int main(int argc, char** argv) {
    CLI::App app{"Blotter carries what happens to a document where the business works."};
    app.set_version_flag("--version", std::string{blotter::server::version});
    app.require_subcommand(1);
    std::string config_file;
    CLI::App* serve = app.add_subcommand("serve", "Run the server until SIGTERM");
    serve->add_option("--config", config_file, "Settings file (TOML)");
    serve->allow_extras();
    CLI11_PARSE(app, argc, argv);
    if (*serve) return blotter::server::serve(config_file, serve->remaining());
    return 0;
}
