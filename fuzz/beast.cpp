// Boost.Beast, the witness of the HTTP targets, compiled once.
#include <boost/beast/src.hpp>
