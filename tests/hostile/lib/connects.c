/* Preloaded into the program under test: writes down every address that it connects to, before the
   system is asked, into the file named by HOSTILE_CONNECTS. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int connect(int fd, const struct sockaddr* to, socklen_t size) {
    static int (*real)(int, const struct sockaddr*, socklen_t);
    static int out = -1;
    if (!real) {
        real = (int (*)(int, const struct sockaddr*, socklen_t))dlsym(RTLD_NEXT, "connect");
        const char* const path = getenv("HOSTILE_CONNECTS");
        if (path) out = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    }
    char text[INET6_ADDRSTRLEN] = "";
    char line[INET6_ADDRSTRLEN + 16];
    int port = 0;
    if (to->sa_family == AF_INET) {
        const struct sockaddr_in* const v4 = (const struct sockaddr_in*)to;
        inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
        port = ntohs(v4->sin_port);
    } else if (to->sa_family == AF_INET6) {
        const struct sockaddr_in6* const v6 = (const struct sockaddr_in6*)to;
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
        port = ntohs(v6->sin6_port);
    }
    if (*text && out >= 0) {
        const int length = snprintf(line, sizeof line, "%s %d\n", text, port);
        if (write(out, line, (size_t)length) != length) abort();
    }
    return real(fd, to, size);
}
