#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "clipk/core/factor.hpp"

namespace clipk {

/// Words that identify the classes of one factor in captions.
struct FactorWords {
  /// A class and the words that identify it.
  struct Class {
    std::string name;                ///< its first word
    std::vector<std::string> words;  ///< any of them; each may be several words in a row
  };
  std::string factor;          ///< name of the factor
  std::vector<Class> classes;  ///< at least two
};

/// Each line holds one factor. Commas separate its classes, bars the words of a class; the first
/// word names the class. Empty lines and lines that begin with # are left out:
///
///   animal: cat|kitten, dog|puppy, giraffe
///   place: kitchen, living room|sofa
///
/// @throws Error that names file and line for a line without a colon, a factor with fewer than two
///   classes or listed twice, or a word that is empty or in two classes of a factor.
std::vector<FactorWords> read_factor_words(const std::filesystem::path& path);

/// The factors of captions: a caption has the class whose words it contains. With words of no class
/// or of several, its class is not known (-1). Words are compared as whole words without regard to
/// (ASCII) case, and also with a plural s or es.
std::vector<Factor> caption_factors(const std::vector<std::string>& captions,
                                    const std::vector<FactorWords>& words);

/// The lines of a text file in UTF-8, ended by LF or CR LF; a byte order mark is skipped.
/// @throws Error that names the path, and the line where one is at fault: it cannot be read, is
/// empty, or holds bytes that are not UTF-8 or NUL.
std::vector<std::string> read_lines(const std::filesystem::path& path);

}  // namespace clipk
