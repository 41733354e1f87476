#pragma once

#include <string>
#include <vector>

namespace blotter::cli {

/// A command line, taken apart: what the commands understand, and the settings.
struct Arguments {
    std::vector<std::string> words;
    /// Each as "--name=value", or "--name" for a toggle that stands alone.
    std::vector<std::string> settings;
};

/// Takes the settings out of a command line. They are the flags with a dot in their name, and may
/// be written "--data.directory=X" or "--data.directory X"; a toggle needs no value. A name that
/// is no setting is taken out too: reading the settings says which one was meant. Nothing is taken
/// after "--". Pure.
Arguments split_arguments(const std::vector<std::string>& given);

}  // namespace blotter::cli
