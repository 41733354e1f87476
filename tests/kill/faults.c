/* Preloaded into the program under test. While the file $FAULT_SYNC is there, fsync and fdatasync
   fail with EIO and say so in $FAULT_LOG; while $FAULT_SPACE is there, writes to files fail with
   ENOSPC. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_on(const char* name) {
    const char* const path = getenv(name);
    return path && access(path, F_OK) == 0;
}

static int is_file(int fd) {
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

static void note(const char* what, int fd) {
    char link[64];
    char path[512];
    char line[640];
    const char* const log = getenv("FAULT_LOG");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    const int out = log ? open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (out < 0) return;
    const int size = snprintf(line, sizeof line, "%s %s\n", what, path);
    if (write(out, line, (size_t)size) != size) abort();
    close(out);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int sync_or_fail(int (*real)(int), int fd) {
    if (!is_on("FAULT_SYNC")) return real(fd);
    note("failed", fd);
    errno = EIO;
    return -1;
}
int fsync(int fd) { return sync_or_fail(REAL(fsync), fd); }
int fdatasync(int fd) { return sync_or_fail(REAL(fdatasync), fd); }

static int is_full(int fd) {
    if (!is_on("FAULT_SPACE") || !is_file(fd)) return 0;
    errno = ENOSPC;
    return 1;
}
ssize_t write(int fd, const void* bytes, size_t size) { return is_full(fd) ? -1 : REAL(write)(fd, bytes, size); }
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
    return is_full(fd) ? -1 : REAL(pwrite)(fd, bytes, size, at);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
    return is_full(fd) ? -1 : REAL(pwrite64)(fd, bytes, size, at);
}
