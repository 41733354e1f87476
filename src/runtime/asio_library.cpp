// The one place where Asio's separately compiled parts are built.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
